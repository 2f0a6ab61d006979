/** 10,000 alerts a second, offered by the agent's own spool and link to the program control: each is kept or counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flood } from './flood-ground.ts';

const SECONDS = process.env['DARSENA_SOAK'] === '1' ? 60 : 3;
const CONTAINERS = 40;
/** Of INCIDENT_ALERTS_MAX and INCIDENT_RULES_MAX. */
const KEPT_MAX = 1_200;
/** Above what control had before: what waits of one host is bounded by 16 MiB, the rest is the run-time's room to breathe. */
const MEMORY_MAX = 256 * 1024 * 1024;

test('a flood of alerts is stored or counted to the last one, in bounded memory, and the API goes on answering', async () => {
  const figures = await flood({ rate: 10_000, seconds: SECONDS, containers: CONTAINERS });
  const { answersMs: _each, ...told } = figures;
  const seen = JSON.stringify(told);
  assert.equal(figures.offered, 10_000 * SECONDS);
  assert.equal(figures.answered, figures.offered, `what control said that it has: ${seen}`);
  assert.equal(figures.counted, figures.offered, `what the incidents count: ${seen}`);
  assert.equal(figures.incidents, CONTAINERS, seen);
  assert.ok(figures.stored <= CONTAINERS * KEPT_MAX, seen);
  assert.ok(figures.controlMemoryBytes.most - figures.controlMemoryBytes.before < MEMORY_MAX, seen);
  assert.ok(figures.answersMs.length > 0, seen);
});
