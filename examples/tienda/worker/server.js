// The shop's worker: takes orders, keeps them in its volume, and prepares them one after the other.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const folder = process.env.DATOS ?? '/var/lib/tienda';
const file = join(folder, 'orders.json');
const orderKey = process.env.CLAVE_PEDIDOS ?? '';
const PREPARE_MS = 4000;
const ORDERS_KEPT = 500;

mkdirSync(folder, { recursive: true });
const state = load();

function load() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return { next: 1, orders: [] };
  }
}

/** The whole state or the old one, never a part of it, whatever happens in between. */
function save() {
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://worker');
  if (pathname === '/health') return reply(response, 200, { state: 'ok', orders: state.orders.length });
  if (pathname !== '/orders') return reply(response, 404, { error: 'no such path' });
  if (orderKey === '' || request.headers['x-order-key'] !== orderKey)
    return reply(response, 403, { error: 'wrong key' });
  if (request.method === 'GET') return reply(response, 200, { items: state.orders.slice(-8).reverse() });
  let text = '';
  for await (const chunk of request) text += chunk;
  const { product, name, count, total } = JSON.parse(text);
  const order = { number: state.next, product, name, count, total, state: 'received', at: new Date().toISOString() };
  state.next += 1;
  state.orders = [...state.orders, order].slice(-ORDERS_KEPT);
  save();
  console.log(JSON.stringify({ level: 'info', message: 'order received', number: order.number, product }));
  reply(response, 201, order);
});

function reply(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

setInterval(() => {
  const order = state.orders.find((one) => one.state === 'received');
  if (!order) return;
  order.state = 'prepared';
  save();
  console.log(JSON.stringify({ level: 'info', message: 'order prepared', number: order.number }));
}, PREPARE_MS).unref();

server.listen(8080, () => console.log(JSON.stringify({ level: 'info', message: 'listening', port: 8080 })));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  // A caller that keeps its connection would hold us until the grace period ends: Node 18 leaves idle ones open.
  setInterval(() => server.closeIdleConnections(), 100);
});
