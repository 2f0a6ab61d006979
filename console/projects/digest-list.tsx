import type { ImageDigest } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest } from '../shell/format.ts';
import { Copyable } from '../shell/parts/controls.tsx';
import { Link } from '../shell/router.tsx';

export function DigestList({ project, digests }: { project: string; digests: readonly ImageDigest[] }) {
  return (
    <ul className="conditions">
      {digests.map((item) => (
        <li key={item.name}>
          <Link to={addresses.image(project, item.digest)}>{item.repository}</Link>
          <Copyable value={item.digest}>{shortDigest(item.digest)}</Copyable>
        </li>
      ))}
    </ul>
  );
}
