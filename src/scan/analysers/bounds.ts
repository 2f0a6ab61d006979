import { FormatError } from '../../formats/index.ts';

/** @throws FormatError that names what there is too much of */
export function requireBelow(count: number, most: number, what: string): void {
  if (count > most) throw new FormatError('tar.entry-limit', `it names more than ${most} ${what}`);
}
