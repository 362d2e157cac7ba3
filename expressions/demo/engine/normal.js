// The error function and the inverse of the normal distribution, in double precision, as PyTorch has them: after
// S. L. Moshier's Cephes library (ndtr.c and ndtri.c, 1987-2000), whose coefficients these are.

const polynomial = (coefficients, x) => coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
const monic = (coefficients, x) => polynomial([1, ...coefficients], x);

const ERF_P = [9.60497373987051638749, 90.0260197203842689217, 2232.00534594684319226, 7003.32514112805075473,
  55592.3013010394962768];
const ERF_Q = [33.5617141647503099647, 521.357949780152679795, 4594.32382970980127987, 22629.0000613890934246,
  49267.3942608635921086];
const ERFC_P = [2.46196981473530512524e-10, 0.564189564831068821977, 7.46321056442269912687, 48.6371970985681366614,
  196.520832956077098242, 526.445194995477358631, 934.528527171957607540, 1027.55188689515710272,
  557.535335369399327526];
const ERFC_Q = [13.2281951154744992508, 86.7072140885989742329, 354.937778887819891062, 975.708501743205489753,
  1823.90916687909736289, 2246.33760818710981792, 1656.66309194161350182, 557.535340817727675546];

export function erf(x) {
  const far = Math.abs(x);
  if (far <= 1) return (x * polynomial(ERF_P, x * x)) / monic(ERF_Q, x * x);
  const rest = far < 8 ? (Math.exp(-x * x) * polynomial(ERFC_P, far)) / monic(ERFC_Q, far) : 0;
  return Math.sign(x) * (1 - rest);
}

const MIDDLE_P = [-59.9633501014107895267, 98.0010754185999661536, -56.6762857469070293439, 13.9312609387279679503,
  -1.23916583867381258016];
const MIDDLE_Q = [1.95448858338141759834, 4.67627912898881538453, 86.3602421390890590575, -225.462687854119370527,
  200.260212380060660359, -82.0372256168333339912, 15.9056225126211695515, -1.18331621121330003142];
const OUTER_P = [4.05544892305962419923, 31.5251094599893866154, 57.1628192246421288162, 44.0805073893200834700,
  14.6849561928858024014, 2.18663306850790267539, -0.140256079171354495875, -0.0350424626827848203418,
  -0.000857456785154685413611];
const OUTER_Q = [15.7799883256466749731, 45.3907635128879210584, 41.3172038254672030440, 15.0425385692907503408,
  2.50464946208309415979, -0.142182922854787788574, -0.0380806407691578277194, -0.000933259480895457427372];
const TAIL = Math.exp(-2);

// The x at which the standard normal distribution has reached p, from 1e-13 to 1 - 1e-13: no latent is nearer the ends.
export function inverseNormal(p) {
  const isUpper = p > 1 - TAIL;
  const rest = isUpper ? 1 - p : p;
  if (rest > TAIL) {
    const [y, square] = [rest - 0.5, (rest - 0.5) ** 2];
    return (y + (y * square * polynomial(MIDDLE_P, square)) / monic(MIDDLE_Q, square)) * Math.sqrt(2 * Math.PI);
  }
  const root = Math.sqrt(-2 * Math.log(rest));
  const far = root - Math.log(root) / root - polynomial(OUTER_P, 1 / root) / root / monic(OUTER_Q, 1 / root);
  return isUpper ? far : -far;
}
