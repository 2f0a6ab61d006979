import { parseStrictJson } from '../../formats/index.ts';
import { refuseRewritten } from '../../oci/index.ts';

/** image-spec 1.1 config.md: a configuration is a few KiB; a history of thousands of steps stays below this. */
const CONFIG_BYTES_MAX = 4 * 1024 * 1024;

/** What engines read of a configuration (image-spec 1.1 config.md, and Docker's additions). */
const ROOT_KEYS = ['created', 'author', 'architecture', 'os', 'os.version', 'variant', 'config', 'rootfs', 'history'];
const CONFIG_KEYS = [
  ...['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'Labels', 'StopSignal'],
  ...['Healthcheck', 'Shell', 'ArgsEscaped', 'Memory', 'CpuShares', 'OnBuild'],
];

export interface ConfigFacts {
  /** RFC 3339, or null. */
  readonly created: string | null;
  /** `USER` as written, empty for root. */
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
}

/** Reads an image's configuration as it comes from the store. @throws FormatError, Fault when it is not JSON or has two meanings */
export async function readConfigFacts(content: AsyncIterable<Uint8Array>): Promise<ConfigFacts> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > CONFIG_BYTES_MAX) throw new RangeError(`image configuration above ${CONFIG_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const value = parseStrictJson(whole, { maxBytes: CONFIG_BYTES_MAX, maxDepth: 32 });
  const root = members(value);
  const config = members(root['config']);
  // The engine is written in Go, to which `user` is `User` as well: it would run as somebody else than was judged.
  refuseRewritten(Object.keys(root), ROOT_KEYS, 'the image configuration');
  refuseRewritten(Object.keys(config), CONFIG_KEYS, 'the image configuration');
  const labels = Object.entries(members(config['Labels'])).flatMap(([key, text]) =>
    typeof text === 'string' ? [[key, text]] : [],
  );
  return {
    created: typeof root['created'] === 'string' ? root['created'] : null,
    user: typeof config['User'] === 'string' ? config['User'] : '',
    labels: Object.fromEntries(labels),
    bytes: whole,
  };
}

function members(value: unknown): { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { [key: string]: unknown })
    : {};
}
