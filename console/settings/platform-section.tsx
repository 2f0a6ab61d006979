import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { Facts, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { words } from './words.ts';

export function PlatformSection() {
  const t = useWords(words);
  const text = useText();
  const status = useQuery(queries.status());
  return (
    <Loaded query={status}>
      {(data) => (
        <div className="columns">
          <Panel title={t('platform')}>
            <Facts
              items={[
                [t('instance'), data.instance],
                [t('platformVersion'), data.version],
                [t('mode'), data.mode],
                [t('startedAt'), <When key="s" at={data.startedAt} />],
                [t('domain'), <Copyable key="d" value={data.domain} />],
                [t('registry'), <Copyable key="r" value={data.registry} />],
              ]}
            />
          </Panel>
          <Panel title={t('adaptations')} count={data.adaptations.length}>
            <ul className="conditions">
              {data.adaptations.map((adaptation) => (
                <li key={adaptation.code}>{text(adaptation.text)}</li>
              ))}
            </ul>
          </Panel>
        </div>
      )}
    </Loaded>
  );
}
