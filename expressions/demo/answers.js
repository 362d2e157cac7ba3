// What answers the page, and the faces that were answered already.
//
// `connect` gives an object that answers with promises; each is rejected with an Error that says why:
//     draft(state)        -> {src}, a face drawn roughly while its slider is dragged; a server has none
//     faces(states, size) -> [{src, values}], each drawn at that size and measured; at size 0 without a picture
//     morph(state)        -> {src, still, name}, a loop, a picture of it, and the loop's name as a file
//     png(state, size)    -> {name, src}, a marked file
// The last one connected is asked first; what it lacks, or fails at, is asked of those before it.
expressions.answers = (() => {
  const REMEMBERED = 64; // faces, a tenth of a megabyte each
  const answerers = [];
  const remembered = new Map();
  let isConnected;
  const connection = new Promise((resolve) => (isConnected = resolve));

  function connect(answerer) {
    answerers.unshift(answerer);
    isConnected();
  }

  async function ask(what, ...given) {
    await connection;
    let failure = new Error(`nobody answers to ${what}`);
    for (const answerer of answerers.filter((answerer) => answerer[what])) {
      try {
        return await answerer[what](...given);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  const keyOf = ({ seed, targets, attempts }, size) => JSON.stringify([seed, targets, attempts, size]);
  const remember = (state, size, face) => remembered.set(keyOf(state, size), face);

  async function faces(states, size) {
    const asked = new Map(states.map((state) => [keyOf(state, size), state]));
    const missing = [...asked.keys()].filter((key) => !remembered.has(key)).map((key) => asked.get(key));
    const answers = missing.length ? await ask("faces", missing, size) : [];
    missing.forEach((state, number) => remember(state, size, answers[number]));
    const found = states.map((state) => remembered.get(keyOf(state, size)));
    while (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value);
    return found;
  }

  return { connect, ask, faces, remember };
})();
