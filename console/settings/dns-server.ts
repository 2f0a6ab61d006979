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
