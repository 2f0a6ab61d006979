import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { runCommand, type Text } from '../../../system/index.ts';

/**
 * Null where networks of pods get IPv6 beside IPv4, otherwise why not. They get it where this host has an address of it, rules can be made for it, and nothing
 * is taken from the host. To pass on IPv6 the engine turns forwarding on, and a Linux host that forwards no longer listens to
 * its router's advertisements (unless accept_ra is 2): one that has its way out from them would lose it.
 */
export async function ipv6Missing(): Promise<Text | null> {
  const has = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ family, address, internal }) => family === 'IPv6' && !internal && !/^fe[89ab]/i.test(address)),
  );
  if (!has) return NO_ADDRESS;
  if (await dependsOnAdvertisements()) return ADVERTISED;
  const rules = await runCommand('ip6tables', ['--table', 'nat', '--list-rules'], { timeoutMs: 5_000 }).catch(
    () => null,
  );
  return rules?.code === 0 ? null : NO_TABLES;
}

const NO_ADDRESS: Text = {
  en: 'pods have IPv4 alone: this host has no IPv6 address',
  es: 'los pods solo tienen IPv4: este host no tiene ninguna dirección IPv6',
};
const ADVERTISED: Text = {
  en: 'pods have IPv4 alone: this host has its way out over IPv6 from advertisements of its router, which it would lose by forwarding (set net.ipv6.conf.INTERFACE.accept_ra=2, or a fixed way)',
  es: 'los pods solo tienen IPv4: la salida IPv6 de este host viene de anuncios de su enrutador, y al reenviar la perdería (ponga net.ipv6.conf.INTERFAZ.accept_ra=2, o una ruta fija)',
};
const NO_TABLES: Text = {
  en: 'pods have IPv4 alone: rules of IPv6 cannot be made on this host (ip6tables)',
  es: 'los pods solo tienen IPv4: en este host no se pueden crear reglas de IPv6 (ip6tables)',
};

/** A default way with RTF_ADDRCONF (linux/ipv6_route.h), at an interface that would stop to hear of it. */
async function dependsOnAdvertisements(): Promise<boolean> {
  const routes = await readFile('/proc/net/ipv6_route', 'utf8').catch(() => '');
  for (const line of routes.split('\n')) {
    // destination, its prefix, source, its prefix, next hop, metric, references, use, flags, interface
    const [destination, prefix, , , , , , , flags = '0', name = ''] = line.trim().split(/\s+/);
    if (!/^0{32}$/.test(destination ?? '') || prefix !== '00' || !/^[\w.@-]+$/.test(name)) continue;
    if ((Number.parseInt(flags, 16) & RTF_ADDRCONF) === 0) continue;
    const accepts = await readFile(`/proc/sys/net/ipv6/conf/${name}/accept_ra`, 'utf8').catch(() => '1');
    if (accepts.trim() !== '2') return true;
  }
  return false;
}

const RTF_ADDRCONF = 0x0004_0000;
