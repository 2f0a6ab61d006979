import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKS, checkFile } from '../../src/scan/index.ts';

// What one more Kubernetes manifest costs: our compiled checks against `trivy config` over the same files, in CPU.
// DARSENA_TRIVY names its binary; DARSENA_MANIFESTS says how many are generated (default 500).

const TRIVY = process.env['DARSENA_TRIVY'];
const COUNT = Number(process.env['DARSENA_MANIFESTS'] ?? 500);
const TICKS_PER_SECOND = 100;

function manifest(index: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-${index}
  namespace: shop-${index % 7}
  labels: { app.kubernetes.io/name: web-${index} }
spec:
  replicas: ${1 + (index % 3)}
  selector: { matchLabels: { app: web-${index} } }
  template:
    metadata: { labels: { app: web-${index} } }
    spec:
      ${index % 5 === 0 ? 'hostNetwork: true' : 'automountServiceAccountToken: false'}
      containers:
        - name: app
          image: registry.example/shop/web:${index % 4 === 0 ? 'latest' : `1.${index}`}
          ports: [{ containerPort: 8080 }]
          env: [{ name: MODE, value: "${index}" }]
          resources: { limits: { memory: ${64 + index}Mi } }
          securityContext: { ${index % 2 === 0 ? 'privileged: false' : 'readOnlyRootFilesystem: true'} }
        - name: side
          image: registry.example/shop/side:2
`;
}

/** CPU seconds of this process and of the children it has waited for. */
function cpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

function measure(task: () => void): number {
  const before = cpuSeconds();
  task();
  return cpuSeconds() - before;
}

function ours(files: readonly string[]): number {
  return measure(() => {
    for (const file of files) checkFile(file, readFileSync(file, 'utf8'));
  });
}

function trivy(binary: string, folder: string, cache: string): number {
  const args = ['config', '--timeout', '60m', '--format', 'json', '--skip-policy-update', '--cache-dir', cache, folder];
  return measure(() => {
    const { status, stderr } = spawnSync(binary, args, { maxBuffer: 1 << 30 });
    if (status !== 0) throw new Error(`trivy config ended with ${status}: ${stderr.toString().slice(-500)}`);
  });
}

const root = mkdtempSync(join(tmpdir(), 'darsena-checks-'));
try {
  const folders = [1, COUNT].map((count) => {
    const folder = join(root, String(count));
    mkdirSync(folder);
    const files = Array.from({ length: count }, (_, index) => join(folder, `web-${index}.yaml`));
    for (const [index, file] of files.entries()) writeFileSync(file, manifest(index));
    return { folder, files };
  });
  const [one, many] = folders;
  if (one === undefined || many === undefined) throw new Error('nothing was generated');
  ours(many.files);
  const mine = [ours(many.files), ours(many.files), ours(many.files)].sort((a, b) => a - b)[1] ?? 0;
  const each = mine / COUNT;
  console.log(`${CHECKS.kubernetes.length} checks, ${COUNT} manifests: ${(each * 1000).toFixed(2)} ms CPU each`);
  if (TRIVY === undefined) console.log('DARSENA_TRIVY is not set: no peer');
  else {
    const cache = join(root, 'cache');
    const version = spawnSync(TRIVY, ['--version']).stdout.toString().split('\n')[0];
    const start = trivy(TRIVY, one.folder, cache);
    const whole = trivy(TRIVY, many.folder, cache);
    const peer = (whole - start) / (COUNT - 1);
    console.log(`${version}: ${start.toFixed(1)} s for one, ${(peer * 1000).toFixed(1)} ms CPU for each more`);
    console.log(`ratio ${(each / peer).toFixed(4)}`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
