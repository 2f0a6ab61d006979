import type { Access } from '../access.ts';
import type { Principal } from '../action.ts';
import type { WorkloadIdentity } from './identity.ts';

/** The user name that says: the password is the token of a workload's own platform. */
export const WORKLOAD_USER = 'oidc';

/** The three parts of a signed token (RFC 7515 section 3.1); the first is JSON, so it begins with `{"`. */
const JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;

/** HTTP Basic of a container client: a person's password, a token of ours, or a workload's token from its issuer. */
export async function signInClient(
  parts: { readonly access: Access; readonly identity: WorkloadIdentity },
  client: { readonly name: string; readonly secret: string; readonly source: string },
): Promise<Principal> {
  const { access, identity } = parts;
  const { name, secret, source } = client;
  if (name === WORKLOAD_USER && JWT.test(secret)) {
    return access.authenticateById(await identity.present(secret, source));
  }
  return access.authenticateBasic(name, secret);
}
