import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileReason, type Json } from '../system/index.ts';
import { isRecord } from './dsse.ts';
import { trustFault } from './errors.ts';
import { checkTrustDocument, parsePolicyText, type TrustDocument } from './policy-document.ts';

/**
 * Reads a policy with the files it names put in their place: `key: { file: release.pub }`, `roots: { x: { file: … } }`.
 * Paths stand beside the document.
 * @throws Fault trust.policy-invalid
 */
export async function readDocument(file: string): Promise<TrustDocument> {
  const value = parsePolicyText(await readText(file));
  return checkTrustDocument(await withFiles(value as Json, dirname(resolve(file)), ''));
}

async function withFiles(value: Json, folder: string, name: string): Promise<Json> {
  if (Array.isArray(value)) return Promise.all(value.map((member) => withFiles(member, folder, name)));
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && typeof value['file'] === 'string') {
    const path = resolve(folder, value['file']);
    const text = await readText(path);
    if (/^(key|keys|authorities)$/.test(name)) return text;
    try {
      return JSON.parse(text) as Json;
    } catch (error) {
      const reason = { en: 'it is not JSON', es: 'no es JSON' };
      throw trustFault('trust.file-unreadable', { file: path, reason }, { cause: error });
    }
  }
  const members = await Promise.all(
    Object.entries(value).map(async ([key, member]) => [key, await withFiles(member as Json, folder, key)] as const),
  );
  return Object.fromEntries(members);
}

/** @throws Fault trust.file-unreadable */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw trustFault('trust.file-unreadable', { file, reason: fileReason(error) }, { cause: error });
  }
}
