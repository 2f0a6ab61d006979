import type { Problem } from './types.ts';

const BASE = '/api/v1';

/** A request that did not succeed. `status` is 0 when the control program could not be reached. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.title);
    this.status = status;
    this.problem = problem;
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'title' in value && 'code' in value;
}

export async function readFailure(response: Response): Promise<ApiFailure> {
  const body: unknown = await response.json().catch(() => null);
  const problem = isProblem(body)
    ? body
    : {
        title: `${response.status} ${response.statusText}`.trim(),
        code: 'console.unexpected-answer',
        kind: 'internal',
      };
  return new ApiFailure(response.status, problem);
}

/** @param body JSON, or a text as it is */
async function request<T>(method: string, path: string, body?: unknown, isFile = false): Promise<T> {
  const headers: Record<string, string> = {
    Accept: 'application/json',
    'Accept-Language': document.documentElement.lang,
  };
  // The session cookie alone never changes anything: another site cannot set this header.
  if (method !== 'GET') headers['X-Darsena'] = '1';
  if (body !== undefined) headers['Content-Type'] = isFile ? 'application/octet-stream' : 'application/json';
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: isFile ? String(body) : JSON.stringify(body) }),
    });
  } catch (error) {
    throw new ApiFailure(0, { title: String(error), code: 'console.unreachable', kind: 'unavailable' });
  }
  if (!response.ok) throw await readFailure(response);
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The REST API of the control program. Every method throws `ApiFailure`. */
export const api = {
  get: <T>(path: string): Promise<T> => request('GET', path),
  post: <T>(path: string, body: unknown = {}): Promise<T> => request('POST', path, body),
  put: <T>(path: string, body: unknown): Promise<T> => request('PUT', path, body),
  /** Sends a file as it is. */
  putFile: <T>(path: string, text: string): Promise<T> => request('PUT', path, text, true),
  delete: <T>(path: string): Promise<T> => request('DELETE', path),
};

/** Builds a path from segments (each encoded) and a query (empty values left out). */
export function apiPath(
  segments: readonly (string | number)[],
  query: Record<string, string | number | null> = {},
): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null && value !== '') search.set(key, String(value));
  const text = search.toString();
  return `/${segments.map((segment) => encodeURIComponent(segment)).join('/')}${text === '' ? '' : `?${text}`}`;
}

/** The full address of a path, for links that download and for event streams. */
export function apiAddress(path: string): string {
  return BASE + path;
}
