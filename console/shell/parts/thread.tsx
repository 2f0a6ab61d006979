import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries.ts';
import { Ribbon } from './ribbon.tsx';
import { Loaded } from './surface.tsx';

/** The ribbon of an image that another page (a workload, an incident) speaks of. */
export function ImageThread({ project, digest }: { project: string; digest: string }) {
  const image = useQuery(queries.image(project, digest));
  return (
    <Loaded query={image} lines={3}>
      {(data) => <Ribbon digest={data.digest} stations={data.thread} name={data.repository} />}
    </Loaded>
  );
}
