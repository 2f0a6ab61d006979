import { createFleet } from '../../src/programs/control/fleet.ts';
import { askedOf, FLEET_MIGRATIONS, fillFleet, runningOf } from '../../src/programs/control/test-fleet.ts';
import { openDatabase } from '../../src/system/index.ts';
import { median } from './scan-ground.ts';

// "Where does CVE-… run?" over 10,000 images with 100 findings each, 200 of them running. The goal is 100 ms.
// DARSENA_BENCH_DATABASE names another database than SQLite in memory.

const IMAGES = 10_000;
const ROUNDS = 20;
const url = process.env['DARSENA_BENCH_DATABASE'] ?? 'sqlite::memory:';

const { db, kind, close } = await openDatabase<never>(url, FLEET_MIGRATIONS);
try {
  const start = performance.now();
  const digests = await fillFleet(db, { images: IMAGES, findings: 200 });
  const filled = (performance.now() - start) / 1000;
  const deployments = runningOf(
    digests.slice(0, 400).map((digest, number) => ({ digest, project: `p${number % 2}`, replicas: 2 })),
  );
  const fleet = createFleet({ db, deployments });
  const ask = async (name: string, question: Parameters<typeof askedOf>[1]): Promise<void> => {
    const took: number[] = [];
    let images = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const before = performance.now();
      images = (await fleet.where(askedOf('CVE-2026-0007', question))).images;
      took.push(performance.now() - before);
    }
    console.log(
      `${name.padEnd(44)} ${images.toString().padStart(6)} images  median ${median(took).toFixed(1)} ms, worst ${Math.max(...took).toFixed(1)} ms`,
    );
  };
  console.log(`${kind}: ${IMAGES} images, ${IMAGES * 100} findings indexed in ${filled.toFixed(1)} s`);
  await ask('all projects, first page', {});
  await ask('one project of two', { projects: ['p1'] });
  await ask('what runs only', { running: true });
  await ask('a page in the middle', { after: digests[5000] ?? null });
  await ask('by another name (GHSA-0007)', { finding: 'GHSA-0007' });
} finally {
  await close();
}
