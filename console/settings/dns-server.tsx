import { type ReactNode, useState } from 'react';
import { defineWords } from '../shell/catalogue.ts';
import { useWords } from '../shell/language.tsx';
import { Field } from '../shell/parts/controls.tsx';
import { listOf } from '../shell/parts/form-dialog.tsx';

const words = defineWords(
  {
    server: 'DNS server',
    serverHint: 'Takes changes of the zone (RFC 2136); host or host:port',
    zones: 'Zones',
    zonesHint: 'That may be changed, apart by spaces',
    keyName: 'Name of the TSIG key',
    secret: 'Secret of the TSIG key',
    secretHint: 'In base64; empty: the one that is known stays',
  },
  {
    server: 'Servidor DNS',
    serverHint: 'Acepta cambios de la zona (RFC 2136); host o host:puerto',
    zones: 'Zonas',
    zonesHint: 'Las que se pueden cambiar, separadas por espacios',
    keyName: 'Nombre de la clave TSIG',
    secret: 'Secreto de la clave TSIG',
    secretHint: 'En base64; vacío: se conserva el conocido',
  },
);

/** A server that takes changes of zones by a key: the sites tell it addresses, ACME its proofs. */
export interface DnsServer {
  readonly host: string;
  readonly port: number;
  readonly zones: readonly string[];
  readonly keyName: string;
}

/** What is known of it, as lines of `Facts`. */
export function useDnsFacts(dns: DnsServer | undefined): readonly (readonly [name: string, value: ReactNode])[] {
  const t = useWords(words);
  if (dns === undefined) return [];
  return [
    [t('server'), <Mono key="server">{serverText(dns)}</Mono>],
    [t('zones'), <Mono key="zones">{dns.zones.join(', ')}</Mono>],
    [t('keyName'), <Mono key="key">{dns.keyName}</Mono>],
  ];
}

export function Mono({ children }: { children: ReactNode }) {
  return <span className="mono">{children}</span>;
}

/** How names, addresses and keys are typed: no browser is to complete or correct them. */
export function plainField(value: string, set: (text: string) => void) {
  return {
    ...{ value, autoComplete: 'off', autoCapitalize: 'none', spellCheck: false },
    onChange: (event: { target: { value: string } }) => set(event.target.value),
  };
}

/** The fields that ask for it, and what they come to. A secret that is known may stay untold. */
export function useDnsFields(known: DnsServer | undefined): {
  readonly fields: ReactNode;
  readonly read: () => { readonly dns: DnsServer; readonly secret?: string };
} {
  const t = useWords(words);
  const [server, setServer] = useState(known === undefined ? '' : serverText(known));
  const [zones, setZones] = useState(known?.zones.join(' ') ?? '');
  const [keyName, setKeyName] = useState(known?.keyName ?? '');
  const [secret, setSecret] = useState('');
  return {
    fields: (
      <>
        <Field label={t('server')} hint={t('serverHint')} required {...plainField(server, setServer)} />
        <Field label={t('zones')} hint={t('zonesHint')} required {...plainField(zones, setZones)} />
        <Field label={t('keyName')} required {...plainField(keyName, setKeyName)} />
        <Field
          label={t('secret')}
          hint={t('secretHint')}
          type="password"
          required={known === undefined}
          {...plainField(secret, setSecret)}
        />
      </>
    ),
    read: () => ({
      dns: { ...serverOf(server), zones: listOf(zones), keyName },
      ...(secret === '' ? {} : { secret }),
    }),
  };
}

const DNS_PORT = 53;

/** How a DNS server is typed and shown: without the port that is usual. */
export function serverText({ host, port }: { readonly host: string; readonly port: number }): string {
  return port === DNS_PORT ? host : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `ns1.example.org`, `ns1.example.org:5353`, `2001:db8::1`, `[2001:db8::1]:53`; the platform judges the rest. */
export function serverOf(text: string): { readonly host: string; readonly port: number } {
  const [, six, name, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim()) ?? [];
  return { host: six ?? name ?? text.trim(), port: port === undefined ? DNS_PORT : Number(port) };
}
