/**
 * Statements that would end a tenant's transaction, change whom it works for, or leave something in the connection for
 * whoever gets it next. One text is one statement: it goes by the extended protocol, which takes no second one.
 */

/** Session state, or the end of the transaction; each with what to do instead. */
const refused: Readonly<Record<string, string>> = {
  begin: "the transaction is begun already; for a part that may fail use SAVEPOINT",
  start: "the transaction is begun already; for a part that may fail use SAVEPOINT",
  commit: "it is committed when the function returns",
  end: "it is committed when the function returns",
  rollback: "throw an error to roll back, or use ROLLBACK TO SAVEPOINT for a part",
  abort: "throw an error to roll back",
  reset: "settings end with the transaction; use SET LOCAL",
  discard: "it changes the connection, which others use next",
  prepare: "it stays in the connection, which others use next; statements need no PREPARE here",
  deallocate: "it changes the connection, which others use next",
  listen: "it stays in the connection, which others use next; use a connection of your own",
  unlisten: "it changes the connection, which others use next",
  load: "it changes the connection, which others use next",
};

/** Settings that say whom the transaction works for; app.tenant_id and app.user_id are among app's. */
const identity = /^(role|session|session_authorization|search_path|schema|row_security|app\..*)$/i;

/** @returns why the statement is refused; undefined for one that may be sent */
export function refusalOf(text: string): string | undefined {
  const statement = withoutBegin(text);
  const word = /^[a-z]+/i.exec(statement)?.[0].toLowerCase() ?? "";
  if (word === "rollback" && /^rollback(\s+(work|transaction))?\s+to\b/i.test(statement)) return undefined;
  if (word === "declare" && /\bwith\s+hold\b/i.test(statement)) {
    return "DECLARE … WITH HOLD: the cursor stays in the connection, which others use next; leave WITH HOLD out";
  }
  if (word === "set") return refusalOfSet(statement);
  const reason = Object.hasOwn(refused, word) ? refused[word] : undefined;
  return reason === undefined ? undefined : `${word.toUpperCase()}: ${reason}`;
}

/** Allowed are SET CONSTRAINTS and SET LOCAL with a plain name that is not of identity. */
function refusalOfSet(statement: string): string | undefined {
  if (/^set\s+constraints\b/i.test(statement)) return undefined;
  const name = /^set\s+local\s+([a-z_][\w.$]*)(?=[\s=])/i.exec(statement)?.[1];
  if (name === undefined) return "SET: use SET LOCAL with a plain name; another setting stays in the connection";
  return identity.test(name)
    ? `SET LOCAL ${name}: it says whom the transaction works for, and cannot change`
    : undefined;
}

/** Without the white space, comments (which nest) and semicolons in front of the first word. */
function withoutBegin(text: string): string {
  let rest = text;
  for (;;) {
    const next = withoutComment(rest.replace(/^[\s;]+/, ""));
    if (next === rest) return rest;
    rest = next;
  }
}

function withoutComment(text: string): string {
  if (text.startsWith("--")) return /[\r\n]/.test(text) ? text.replace(/^[^\r\n]*[\r\n]/, "") : "";
  if (!text.startsWith("/*")) return text;
  const marks = /\/\*|\*\//g;
  let depth = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    depth += mark[0] === "/*" ? 1 : -1;
    if (depth === 0) return text.slice(marks.lastIndex);
  }
  return "";
}
