import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { IncidentDetail } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { Link } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { caseQueries } from './queries.ts';
import { words } from './words.ts';

/** What people write down about an incident, and which others belong to it. */
export function CasePanels({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const client = useQueryClient();
  const me = useMe();
  const key = String(incident.number);
  const found = useQuery(caseQueries.incidentCase(key));
  const [text, setText] = useState('');
  const [other, setOther] = useState('');
  const again = () => client.invalidateQueries({ queryKey: ['incidents', key, 'comments'] });
  const write = useMutation({
    mutationFn: () => api.post(apiPath(['incidents', incident.number, 'comments']), { text }),
    onSuccess: async () => {
      setText('');
      await again();
    },
  });
  const link = useMutation({
    mutationFn: ({ number, isGone }: { number: string; isGone: boolean }) => {
      const path = apiPath(['incidents', incident.number, 'links', number]);
      return isGone ? api.delete(path) : api.put(path, {});
    },
    onSuccess: async () => {
      setOther('');
      await again();
    },
  });
  const mayWrite = hasRole(me, ['admin', 'analyst'], incident.project ?? '*');
  const submit = (act: () => void) => (event: FormEvent) => {
    event.preventDefault();
    act();
  };
  return (
    <Loaded query={found}>
      {({ items, links }) => (
        <>
          <Panel title={t('comments')} count={items.length}>
            {items.length === 0 ? <p className="quiet-text">{t('noComments')}</p> : null}
            <ol className="comments">
              {items.map((comment) => (
                <li key={comment.id}>
                  <p className="comment-head">
                    <Actor actor={comment.author} /> <When at={comment.at} />
                  </p>
                  <p className="comment-text">{comment.text}</p>
                </li>
              ))}
            </ol>
            {mayWrite ? (
              <form onSubmit={submit(() => write.mutate())}>
                <TextArea
                  label={t('comment')}
                  hint={t('commentHint')}
                  value={text}
                  onChange={(event) => setText(event.target.value)}
                  rows={2}
                  maxLength={8_000}
                />
                {write.error === null ? null : <Failure error={write.error} />}
                <Button type="submit" busy={write.isPending} disabled={text.trim() === ''}>
                  {t('write')}
                </Button>
              </form>
            ) : null}
          </Panel>
          <Panel title={t('links')} count={links.length}>
            {links.length === 0 ? <p className="quiet-text">{t('noLinks')}</p> : null}
            <ul className="conditions">
              {links.map((one) => (
                <li key={one.number}>
                  <State state={one.state} />
                  <Link to={addresses.incident(one.number)}>
                    {one.number}: {one.title}
                  </Link>
                  {mayWrite ? (
                    <Button
                      look="quiet"
                      icon="close"
                      aria-label={t('unlink', { number: String(one.number) })}
                      onClick={() => link.mutate({ number: String(one.number), isGone: true })}
                    />
                  ) : null}
                </li>
              ))}
            </ul>
            {mayWrite ? (
              <form className="toolbar" onSubmit={submit(() => link.mutate({ number: other, isGone: false }))}>
                <Field
                  label={t('linkNumber')}
                  inputMode="numeric"
                  value={other}
                  onChange={(event) => setOther(event.target.value)}
                />
                <Button type="submit" busy={link.isPending} disabled={!/^[1-9]\d{0,8}$/.test(other)}>
                  {t('link')}
                </Button>
              </form>
            ) : null}
            {link.error === null ? null : <Failure error={link.error} />}
          </Panel>
        </>
      )}
    </Loaded>
  );
}
