import { type AddressGuard, guardAddresses, type ResolveName } from '../../system/index.ts';
import { registryFault } from '../errors.ts';

export { type AddressGuard, networkProblem } from '../../system/index.ts';

/** @param networks CIDR ranges that an administrator allowed for this remote */
export function createAddressGuard(networks: readonly string[], host: string, resolve?: ResolveName): AddressGuard {
  return guardAddresses(networks, (why) => registryFault('registry.remote-address', { host, why }), resolve);
}
