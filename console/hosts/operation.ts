import { ApiFailure, api, apiPath } from '../api/client.ts';
import type { Json, OperationSummary } from '../api/types.ts';

const POLL_MS = 500;
/** Of what the platform itself says went wrong: it was reached. */
const FAILED_STATUS = 422;

/** Until an operation has ended: its result; what went wrong is thrown. */
export async function waitForOperation(id: string): Promise<Json> {
  for (;;) {
    const { state, problem, result = null } = await api.get<OperationSummary>(apiPath(['operations', id]));
    if (state === 'done') return result;
    if (state !== 'running')
      throw problem === null || problem === undefined ? new Error(state) : new ApiFailure(FAILED_STATUS, problem);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
