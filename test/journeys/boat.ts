import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../src/system/index.ts';

/** The smallest project that serves: one program without an operating system, so that a deploy takes seconds. */
export async function writeBoat(folder: string, word: string): Promise<string> {
  const source = join(folder, 'bote');
  await mkdir(join(source, 'web'), { recursive: true });
  const busybox = await runCommand('sh', ['-c', 'command -v busybox'], { timeoutMs: 30_000 });
  assert.equal(busybox.code, 0);
  await cp(busybox.stdout.trim(), join(source, 'web', 'busybox'));
  await writeFile(join(source, 'web', 'index.html'), `${word}\n`);
  const applets = ['sh', 'id', 'sleep'].map((name) => `COPY busybox /bin/${name}`).join('\n');
  await writeFile(
    join(source, 'web', 'Containerfile'),
    `FROM scratch
${applets}
COPY busybox /bin/httpd
COPY index.html /www/
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/bin/httpd", "-f", "-p", "8080", "-h", "/www"]
`,
  );
  await writeFile(
    join(source, 'darsena.yaml'),
    `project: bote
images: { web: web }
manifests: [web.yaml]
environments:
  dev: { policy: dev, class: development }
`,
  );
  await writeFile(
    join(source, 'web.yaml'),
    `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      # As the first process of its container busybox hears no TERM.
      terminationGracePeriodSeconds: 1
      securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: web
          image: bote/web
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
          resources: { limits: { cpu: 200m, memory: 32Mi } }
          securityContext:
            readOnlyRootFilesystem: true
            allowPrivilegeEscalation: false
            capabilities: { drop: [ALL] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 8080, targetPort: http }]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec:
  rules:
    - http:
        paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }]
`,
  );
  return source;
}
