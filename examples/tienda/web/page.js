/** The one page of the shop. Everything that comes from elsewhere goes through `escapeHtml`. */
export function page({ shop, orders = [], taken, server, missing, closed }) {
  const money = new Intl.NumberFormat('es-ES', { style: 'currency', currency: shop?.currency ?? 'EUR' });
  const body = missing
    ? notice('Esta página no existe', 'Volver al <a href="/">escaparate</a>.')
    : closed
      ? notice('Volvemos enseguida', 'El almacén no responde. Los pedidos ya hechos están guardados.')
      : `${taken ? `<p class="taken" role="status">Pedido n.º ${taken} recibido. ¡Gracias!</p>` : ''}
  <ul class="products">${shop.items.map((product) => card(product, money)).join('')}</ul>
  <section id="pedidos" class="orders"><h2>Últimos pedidos</h2>${table(orders, money)}</section>`;
  return `<!doctype html>
<html lang="es"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>La Dársena · tienda</title><link rel="stylesheet" href="/style.css"></head><body>
<header><div><p class="brand">La Dársena</p><p class="greeting">${escapeHtml(shop?.greeting ?? '')}</p></div></header>
<main>${body}</main>
<footer>Servido por <code>${escapeHtml(server ?? 'web')}</code></footer></body></html>`;
}

function card({ id, name, price, note }, money) {
  return `<li><span class="glyph" aria-hidden="true">${escapeHtml(name.slice(0, 1))}</span><h2>${escapeHtml(name)}</h2><p>${escapeHtml(note)}</p>
  <form method="post" action="/order"><strong>${money.format(price)}</strong><input type="hidden" name="product" value="${escapeHtml(id)}">
  <label>Cantidad <input name="count" type="number" min="1" max="99" value="1"></label><button>Pedir</button></form></li>`;
}

function table(orders, money) {
  if (orders.length === 0) return '<p class="empty">Aquí aparecerán los pedidos. El primero puede ser el suyo.</p>';
  const rows = orders.map(
    ({ number, name, count, total, state }) =>
      `<tr><td>${Number(number)}</td><td>${escapeHtml(name)}</td><td>${Number(count)}</td><td>${money.format(total)}</td>
      <td><span class="state ${state === 'prepared' ? 'prepared' : 'received'}">${state === 'prepared' ? 'Preparado' : 'Recibido'}</span></td></tr>`,
  );
  return `<table><thead><tr><th>N.º</th><th>Producto</th><th>Cantidad</th><th>Total</th><th>Estado</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function notice(title, text) {
  return `<section class="notice"><h1>${title}</h1><p>${text}</p></section>`;
}

function escapeHtml(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
