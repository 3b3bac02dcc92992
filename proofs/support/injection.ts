import { withModern } from '../account/contents.ts';

/**
 * Makes the secondary refuse one mark in eight while it is told to (deletes set none): half of them as if the row were wrong,
 * which parks the write, and half as if the server could not take it now, which leaves it owed. It meets fewer writes than that:
 * of several in a group, a key's last one alone comes to the secondary.
 */
const trigger = `
CREATE TABLE injecting (since timestamptz NOT NULL DEFAULT now());

CREATE FUNCTION inject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.mark % 16 IN (7, 15) AND EXISTS (SELECT FROM injecting) THEN
    RAISE EXCEPTION USING
      ERRCODE = CASE WHEN NEW.mark % 16 = 7 THEN 'check_violation' ELSE 'cannot_connect_now' END,
      MESSAGE = 'injected';
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER injecting BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION inject();`;

export async function beginInjecting(url: string): Promise<void> {
  await withModern(url, async (query) => {
    await query(trigger);
    await query('INSERT INTO injecting DEFAULT VALUES');
  });
}

export async function endInjecting(url: string): Promise<void> {
  await withModern(url, (query) => query('DELETE FROM injecting'));
}
