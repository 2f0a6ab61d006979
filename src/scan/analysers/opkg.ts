import type { Analyser } from '../analyser.ts';
import { DPKG_STATUS_MAX_BYTES } from '../limits.ts';
import { readStatus } from './dpkg.ts';

/** OpenWrt has it below /usr, Yocto below /var. */
const PLACES = ['usr/lib/opkg/status', 'var/lib/opkg/status'];

/** opkg's database (OpenWrt, Yocto): dpkg's fields in dpkg's form. */
export const opkg: Analyser = {
  name: 'opkg',
  version: 1,
  fileNames: ['status'],
  folderNames: [],
  places: PLACES,
  unreadable: 'incomplete',
  maxFileBytes: DPKG_STATUS_MAX_BYTES,
  wants: ({ path }) => path.endsWith('opkg/status'),
  read: () => readStatus('opkg'),
  counts: ({ path }, tree) => PLACES.some((place) => path === tree.realPath(place)),
};
