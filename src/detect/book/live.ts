import { detectFault } from '../errors.ts';
import { FilterError } from '../filter-ast.ts';
import { sayEscaped } from '../finding-words.ts';
import { type LiveFilter, readLiveFilter } from '../live-filter.ts';

/** A condition over what happens now, before a host is asked for it. @throws Fault detect.condition-invalid */
export function checkLiveFilter(text: string): LiveFilter {
  try {
    return readLiveFilter(text);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw detectFault('detect.condition-invalid', { why: sayEscaped(error), at: error.at + 1 });
  }
}
