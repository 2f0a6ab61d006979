import { Button, Copyable } from './controls.tsx';
import { Dialog } from './surface.tsx';

/** Shows a secret that will never be shown again; only an explicit answer closes it. */
export function SecretOnce({
  title,
  text,
  secret,
  done,
  onClose,
}: {
  title: string;
  text: string;
  secret: string;
  done: string;
  onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose} wide>
      <div className="dialog-body">
        <p>{text}</p>
        <div className="secret">
          <Copyable value={secret} />
        </div>
        <div className="dialog-actions">
          <Button look="primary" onClick={onClose}>
            {done}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
