import { z } from 'zod';

/** A route as its room registered it. */
export interface ApiRoute {
  readonly method: string;
  /** With `:name` where a parameter stands. */
  readonly url: string;
  /** What the caller must be allowed to do; 'any' logged in, 'public' anybody. */
  readonly action: string;
  readonly schema: {
    readonly params?: unknown;
    readonly querystring?: unknown;
    readonly body?: unknown;
    readonly summary?: string;
    readonly description?: string;
    readonly tags?: readonly string[];
  };
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

const PROBLEM = {
  description: 'a problem document (RFC 9457) with the code of the fault',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/**
 * The API as an OpenAPI 3.1 document, made of the very schemas that check requests. Answers are described by their media
 * type alone: routes check what comes in, not what goes out.
 */
export function describeApi(routes: readonly ApiRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  const sorted = [...routes].filter(({ url }) => url.startsWith('/api/')).sort((a, b) => (a.url < b.url ? -1 : 1));
  for (const route of sorted) {
    const path = route.url.replaceAll(/:([a-zA-Z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeOperation(route) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Darsena', version: '1', description: 'Everything that the command line and the console do.' },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: "a robot's token, at the public port" },
        certificate: { type: 'mutualTLS', description: 'a client certificate, at the port for mutual TLS' },
      },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'code', 'kind'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
            code: { type: 'string' },
            kind: { type: 'string' },
            remedy: { type: 'string' },
            params: { type: 'object' },
          },
        },
      },
    },
  };
}

function describeOperation({ action, schema, url }: ApiRoute): object {
  const inPath = [...url.matchAll(/:([a-zA-Z]+)/g)].map(([, name = '']) => name);
  const params = toObject(schema.params);
  const query = toObject(schema.querystring);
  const required = new Set(query.required);
  const parameters = [
    ...inPath.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: params.properties?.[name] ?? { type: 'string' },
    })),
    ...Object.entries(query.properties ?? {}).map(([name, value]) => ({
      name,
      in: 'query',
      required: required.has(name),
      schema: value,
    })),
  ];
  return {
    ...(schema.summary === undefined ? {} : { summary: schema.summary }),
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(schema.tags === undefined ? {} : { tags: schema.tags }),
    'x-darsena-action': action,
    security: action === 'public' ? [] : [{ token: [] }, { certificate: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(isZod(schema.body)
      ? {
          requestBody: {
            // One of defaults alone can be left out.
            required: !schema.body.safeParse(undefined).success,
            content: { 'application/json': { schema: toSchema(schema.body) } },
          },
        }
      : {}),
    responses: { '2XX': { description: 'done' }, default: PROBLEM },
  };
}

function isZod(value: unknown): value is z.ZodType {
  return value instanceof z.ZodType;
}

/** What may be sent: before transforms and defaults. What JSON Schema cannot say is left open. */
function toSchema(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

function toObject(schema: unknown): ObjectSchema {
  return isZod(schema) ? (toSchema(schema) as ObjectSchema) : {};
}
