// The little linear algebra that the solver needs. Matrices are lists of rows.
export const dot = (a, b) => a.reduce((sum, number, at) => sum + number * b[at], 0);
export const times = (matrix, vector) => matrix.map((row) => dot(row, vector));
export const transposed = (matrix) => matrix[0].map((_, at) => matrix.map((row) => row[at]));
export const plus = (a, b) => a.map((number, at) => number + b[at]);
export const minus = (a, b) => a.map((number, at) => number - b[at]);

// The x with matrix @ x = right, by elimination with the largest pivot.
export function solve(matrix, right) {
  const rows = matrix.map((row, at) => [...row, right[at]]);
  rows.forEach((_, at) => {
    const pivot = rows.reduce((best, row, i) => (i > at && Math.abs(row[at]) > Math.abs(rows[best][at]) ? i : best), at);
    [rows[at], rows[pivot]] = [rows[pivot], rows[at]];
    for (let below = at + 1; below < rows.length; below++) {
      const share = rows[below][at] / rows[at][at];
      rows[below] = rows[below].map((number, column) => number - share * rows[at][column]);
    }
  });
  const x = right.map(() => 0);
  for (let at = rows.length - 1; at >= 0; at--) x[at] = (rows[at].at(-1) - dot(rows[at].slice(0, -1), x)) / rows[at][at];
  return x;
}
