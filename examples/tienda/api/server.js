// The shop's API: products, and orders that it hands to the worker.
import { createServer } from 'node:http';
import minimist from 'minimist';

const options = minimist(process.argv.slice(2));
const port = Number(options.port ?? 8080);
const worker = process.env.WORKER_URL ?? 'http://worker:8080';
const currency = process.env.MONEDA ?? 'EUR';
const greeting = process.env.SALUDO ?? 'Ferretería y hogar';
// Shared with the worker only: an order without it is not taken.
const orderKey = process.env.CLAVE_PEDIDOS ?? '';
const BODY_BYTES_MAX = 16 * 1024;

const products = [
  { id: 'farol', name: 'Farol de muelle', price: 38.5, note: 'Latón envejecido, luz cálida' },
  { id: 'cabo', name: 'Cabo trenzado 20 m', price: 24.9, note: 'Poliéster de 10 mm' },
  { id: 'brujula', name: 'Brújula de bolsillo', price: 19.95, note: 'Caja de aluminio' },
  { id: 'ancla', name: 'Ancla plegable', price: 46.0, note: '3,2 kg, acero galvanizado' },
  { id: 'cubo', name: 'Cubo de cubierta', price: 12.4, note: 'Asa de madera' },
  { id: 'llave', name: 'Llave ajustable', price: 17.25, note: 'Apertura de 30 mm' },
];

const server = createServer(async (request, response) => {
  try {
    const { pathname } = new URL(request.url ?? '/', 'http://api');
    if (pathname === '/health') return reply(response, 200, { state: 'ok' });
    if (pathname === '/ready') return await answerReady(response);
    if (pathname === '/products') return reply(response, 200, { greeting, currency, items: products });
    if (pathname === '/orders' && request.method === 'GET') return await pass(response, 'GET');
    if (pathname === '/orders' && request.method === 'POST') return await takeOrder(request, response);
    reply(response, 404, { error: 'no such path' });
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', message: error.message }));
    reply(response, 502, { error: 'the worker does not answer' });
  }
});

async function answerReady(response) {
  const { ok } = await fetch(`${worker}/health`, { signal: AbortSignal.timeout(1500) });
  reply(response, ok ? 200 : 503, { state: ok ? 'ready' : 'waiting for the worker' });
}

async function takeOrder(request, response) {
  const body = await readJson(request);
  const product = products.find(({ id }) => id === body?.product);
  const count = Number(body?.count ?? 1);
  if (!product || !Number.isInteger(count) || count < 1 || count > 99) {
    return reply(response, 400, { error: 'product and a count from 1 to 99 are expected' });
  }
  await pass(response, 'POST', { product: product.id, name: product.name, count, total: product.price * count });
}

async function pass(response, method, order) {
  const answer = await fetch(`${worker}/orders`, {
    method,
    headers: { 'content-type': 'application/json', 'x-order-key': orderKey },
    signal: AbortSignal.timeout(3000),
    ...(order ? { body: JSON.stringify(order) } : {}),
  });
  reply(response, answer.status, await answer.json());
}

async function readJson(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) return null;
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function reply(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

server.listen(port, () => console.log(JSON.stringify({ level: 'info', message: 'listening', port })));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  // A caller that keeps its connection would hold us until the grace period ends: Node 18 leaves idle ones open.
  setInterval(() => server.closeIdleConnections(), 100);
});
