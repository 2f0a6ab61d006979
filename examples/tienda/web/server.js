// The shop's front: renders pages from what the API says.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { page } from './page.js';

const api = process.env.API_URL ?? 'http://api:8080';
const style = readFileSync(new URL('./style.css', import.meta.url));
const FORM_BYTES_MAX = 4096;
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://web');
  if (url.pathname === '/health') return response.writeHead(200).end('ok\n');
  if (url.pathname === '/style.css') {
    return response.writeHead(200, { 'content-type': 'text/css', 'cache-control': 'max-age=300' }).end(style);
  }
  try {
    if (url.pathname === '/ready') {
      const { ok } = await ask('/health');
      return response.writeHead(ok ? 200 : 503).end();
    }
    if (url.pathname === '/order' && request.method === 'POST') return await order(request, response);
    if (url.pathname !== '/') return response.writeHead(404, HEADERS).end(page({ missing: true }));
    const [shop, orders] = await Promise.all([ask('/products').then(json), ask('/orders').then(json)]);
    const taken = Number(url.searchParams.get('taken')) || null;
    response.writeHead(200, HEADERS).end(page({ shop, orders: orders.items ?? [], taken, server: hostname() }));
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', message: error.message }));
    response.writeHead(503, HEADERS).end(page({ closed: true }));
  }
});

async function order(request, response) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > FORM_BYTES_MAX) return response.writeHead(413).end();
  }
  const form = new URLSearchParams(text);
  const answer = await ask('/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ product: form.get('product'), count: Number(form.get('count')) }),
  });
  const { number } = await json(answer);
  response.writeHead(303, { location: answer.ok ? `/?taken=${number}#pedidos` : '/' }).end();
}

function ask(path, options = {}) {
  return fetch(`${api}${path}`, { signal: AbortSignal.timeout(4000), ...options });
}

function json(answer) {
  return answer.json();
}

server.listen(8080, () => console.log(JSON.stringify({ level: 'info', message: 'listening', port: 8080 })));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  // A caller that keeps its connection would hold us until the grace period ends: Node 18 leaves idle ones open.
  setInterval(() => server.closeIdleConnections(), 100);
});
