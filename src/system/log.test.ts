import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NODE = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e'];
const HERE = JSON.stringify(new URL('index.ts', import.meta.url).href);

test('a log on a disk that is full ends nothing', async () => {
  const script = `
    import { createLog } from ${HERE};
    const log = createLog('test');
    log.info({}, 'one');
    log.error({}, 'two');
    process.stderr.write('here still');
  `;
  const { stderr } = await run('sh', ['-c', 'exec "$@" >/dev/full', 'sh', process.execPath, ...NODE, script], {
    timeout: 60_000,
  });
  assert.equal(stderr, 'here still');
});
