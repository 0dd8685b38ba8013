import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = { hash: '' };
const { rates, stacked } = await import('../js/charts.js');

const at = (second) => new Date(1_764_600_000_000 + second * 1000).toISOString();
const history = {
  step_seconds: 5, messages_per_second: 60, sampled: 1,
  steps: [
    { at: at(0), posted: 100, reached: { accepted: 10 } },
    { at: at(10), posted: 50, reached: { delivered: 30, rejected: 2 } },
    { at: at(60), posted: 0, reached: { read: 5 } },
  ],
};

test('a step in which nothing was posted is drawn as none, and the line ends with the last post', () => {
  assert.deepEqual(rates(history)[1], [20, 0, 10]);
  assert.deepEqual(rates({ ...history, steps: [] }), [[], []]);
});

test('outcomes lie one upon the other, and the highest is the sum of all', () => {
  const { lines, sums, xs } = stacked(history);
  assert.equal(xs.length, 3);
  assert.equal(sums.reduce((a, b) => a + b), 47);
  assert.equal(lines.at(-1).at(-1), 47);
  for (let n = 1; n < lines.length; n += 1) assert.ok(lines[n].every((y, k) => y >= lines[n - 1][k]));
});
