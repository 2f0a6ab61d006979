import { networkFault } from './errors.ts';
import { DNS_LABEL_CHARACTERS_MAX, DNS_NAME_CHARACTERS_MAX } from './limits.ts';

/**
 * The name a service is published under: one label below the domain, so that one wildcard certificate covers all.
 * @throws Fault network.name-too-long when the label would pass the 63 characters of DNS
 */
export function publishedName(options: {
  readonly service: string;
  readonly project: string;
  readonly environment: string;
  readonly domain: string;
}): string {
  const label = `${options.service}-${options.project}-${options.environment}`;
  const name = `${label}.${options.domain}`;
  if (label.length > DNS_LABEL_CHARACTERS_MAX || name.length > DNS_NAME_CHARACTERS_MAX) {
    throw networkFault('network.name-too-long', {
      label,
      length: label.length,
      limit: DNS_LABEL_CHARACTERS_MAX,
      service: options.service,
    });
  }
  return name;
}
