import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import type { ApiApp } from '../../access/index.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.ico': 'image/x-icon',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** Nothing from elsewhere, nothing inline, in no frame. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly brotli: Buffer;
  readonly immutable: boolean;
}

/**
 * Serves the console from memory: it is small, built once per version, and a request never turns into a path on disk.
 * Unknown paths outside the API answer with the page, which knows its own routes.
 */
export async function registerConsole(app: ApiApp, folder: string): Promise<void> {
  const assets = await loadAssets(folder);
  const page = assets.get('/index.html');
  app.route({
    method: 'GET',
    url: '/*',
    config: { action: 'public' },
    handler: async (request, reply) => {
      const path = new URL(request.url, 'https://console.invalid').pathname;
      const asset = assets.get(path) ?? (path.startsWith('/api/') || path.startsWith('/assets/') ? undefined : page);
      void reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
      void reply.header('x-content-type-options', 'nosniff');
      void reply.header('referrer-policy', 'no-referrer');
      void reply.header('cross-origin-opener-policy', 'same-origin');
      if (asset === undefined) {
        void reply.callNotFound();
        return reply;
      }
      void reply.header('content-type', asset.type).header('vary', 'accept-encoding');
      void reply.header('cache-control', asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
      if (/\bbr\b/.test(request.headers['accept-encoding']?.toString() ?? '')) {
        void reply.header('content-encoding', 'br');
        return reply.send(asset.brotli);
      }
      return reply.send(asset.plain);
    },
  });
}

async function loadAssets(folder: string): Promise<Map<string, Asset>> {
  const assets = new Map<string, Asset>();
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return assets;
    throw error;
  }
  for (const name of names) {
    const path = join(folder, name);
    if (!(await stat(path)).isFile()) continue;
    const plain = await readFile(path);
    const brotli = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
    const url = `/${relative(folder, path)}`;
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    assets.set(url, { type, plain, brotli, immutable: url.startsWith('/assets/') });
  }
  return assets;
}
