const Sequencer = require('@jest/test-sequencer').default;

/** Tests that take long, by their folders: begun last, one of them would keep a worker busy while the other has nothing left. */
const SLOW = [
  /test\/faults\/fault-points/,
  /test\/e2e\/package/,
  /test\/faults\//,
  /test\/e2e\//,
  /test\/conformance\//,
];

const rank = ({ path }) => {
  const at = SLOW.findIndex((slow) => slow.test(path));
  return at === -1 ? SLOW.length : at;
};

/** https://jestjs.io/docs/configuration#testsequencer-string */
module.exports = class SlowFirst extends Sequencer {
  async sort(tests) {
    // What jest knows of their size and of earlier runs decides among equals.
    return (await super.sort(tests)).toSorted((a, b) => rank(a) - rank(b));
  }
};
