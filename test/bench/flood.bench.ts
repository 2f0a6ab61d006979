/**
 * Alerts offered to a real control by the agent's own spool and link, and what became of each:
 *   ./darsena-node --disable-warning=ExperimentalWarning test/bench/flood.bench.ts [alerts a second] [seconds] [containers]
 * Prints figures; never fails for one.
 */
import { loadavg } from 'node:os';
import { flood } from '../real/flood-ground.ts';

const [rate = 10_000, seconds = 30, containers = 40] = process.argv.slice(2).map(Number);
const load = loadavg()[0]?.toFixed(1);
const figures = await flood({ rate, seconds, containers });
const { offered, answered, counted, stored, summed, answersMs, controlMemoryBytes } = figures;
const sorted = [...answersMs].sort((a, b) => a - b);
const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(0);
const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
console.log(
  `offered ${offered} alerts in ${(figures.offeredMs / 1e3).toFixed(1)} s (${containers} containers, load ${load})`,
);
console.log(
  `answered ${answered} after ${(figures.answeredMs / 1e3).toFixed(1)} s: ${((answered / figures.answeredMs) * 1e3).toFixed(0)} a second`,
);
console.log(
  `counted ${counted} in ${figures.incidents} incidents: ${stored} kept whole, ${counted - stored} as a number, ${summed} of them summed by the host`,
);
console.log(`most waiting on the host ${figures.waitedMost}; its memory ${mb(figures.memoryMostBytes)}`);
console.log(
  `control: memory ${mb(controlMemoryBytes.before)} → at most ${mb(controlMemoryBytes.most)}, ${(figures.controlCpuMs / 1e3).toFixed(1)} s of processor time`,
);
console.log(`database ${mb(figures.databaseBytes)}, ${figures.facts} facts`);
console.log(
  `the API answered ${sorted.length} times meanwhile: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`,
);
