// How far are the files that were handed in? Asked for until each is ready or has failed.
import { useEffect, useState } from "react";
import { CircleCheck, CircleX, Loader2 } from "lucide-react";
import { Progress } from "@/components/ui/progress";

const POLL_MS = 600;
const PARTS_POLL_MS = 1500;
const WORDS = {
  received: "waiting", parsing: "reading", chunking: "dividing", embedding: "understanding",
  indexing: "indexing", verifying: "checking that it can be found",
};

function lasting(seconds) {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function said(receipt) {
  if (receipt.status === "failed") return [receipt.error_message, receipt.next_step].filter(Boolean).join(" ");
  if (receipt.unchanged) return "was here already, unchanged";
  if (receipt.status === "completed") {
    const version = receipt.version_number > 1 ? `, version ${receipt.version_number}` : "";
    const pages = receipt.pages ? `${receipt.pages} ${receipt.pages === 1 ? "page" : "pages"}` : "";
    const left = (receipt.warnings || []).map((warning) => ` · ${warning}`).join("");
    return `ready${version}${pages ? ` · ${pages}` : ""}${left}`;
  }
  const waiting = receipt.stage === "received" && receipt.queue_position > 1 ? ` (${receipt.queue_position - 1} before it)` : "";
  const pages = receipt.pages_done != null ? ` · ${receipt.pages_done} of ${receipt.pages} pages` : "";
  const left = receipt.seconds_left ? ` · about ${lasting(receipt.seconds_left)} left` : "";
  return `${WORDS[receipt.stage] || receipt.stage}${waiting}${pages}${left}`;
}

function csrf() {
  const found = document.cookie.split("; ").find((part) => part.startsWith("kf_csrf="));
  return found ? decodeURIComponent(found.slice("kf_csrf=".length)) : "";
}

// Asks once more before it does, and says why when it could not.
function Remove({ receipt, onRemoved }) {
  const [step, setStep] = useState("idle");
  const [problem, setProblem] = useState("");
  const remove = async () => {
    setStep("busy");
    try {
      const response = await fetch(`/api/v1/documents/${receipt.document_id}`, { method: "DELETE", headers: { "X-CSRF-Token": csrf() } });
      if (response.ok || response.status === 404) return onRemoved();
      const answer = await response.json();
      setProblem([answer.detail, answer.next_step].filter(Boolean).join(" "));
    } catch (error) {
      setProblem("No connection. Try again.");
    }
    setStep("idle");
  };
  const look = "text-xs underline underline-offset-2";
  return (
    <span className="pl-6 flex flex-wrap gap-3 text-muted-foreground">
      {step === "idle" && <button type="button" className={look} onClick={() => setStep("asking")} aria-label={`Remove ${receipt.filename}`}>Remove</button>}
      {step === "asking" && <button type="button" className={`${look} text-destructive`} onClick={remove}>Remove it for good</button>}
      {step === "asking" && <button type="button" className={look} onClick={() => setStep("idle")} autoFocus>Keep</button>}
      {step === "busy" && <span className="text-xs">removing</span>}
      {problem && <span role="alert" className="text-xs text-destructive">{problem}</span>}
    </span>
  );
}

function Row({ name, state, text, progress, children }) {
  return (
    <li className="flex flex-col gap-1" data-kf="receipt" data-state={state}>
      <div className="flex items-start gap-2">
        {state === "completed" && <CircleCheck className="h-4 w-4 mt-0.5 shrink-0 text-green-600 dark:text-green-400" aria-hidden="true" />}
        {state === "failed" && <CircleX className="h-4 w-4 mt-0.5 shrink-0 text-destructive" aria-hidden="true" />}
        {state !== "completed" && state !== "failed" && <Loader2 className="h-4 w-4 mt-0.5 shrink-0 animate-spin" aria-hidden="true" />}
        <span style={{ overflowWrap: "anywhere" }}>
          <span className="font-medium">{name}</span>{" "}
          <span className={state === "failed" ? "text-destructive" : "text-muted-foreground"}>{text}</span>
        </span>
      </div>
      {state !== "completed" && state !== "failed" && <Progress value={progress} aria-label={`${name}: ${progress} %`} className="h-2" />}
      {children}
    </li>
  );
}

const ALL_NAMED = 8;

function counted(parts) {
  return [
    `${parts.total} ${parts.total === 1 ? "file" : "files"} in it`, parts.ready && `${parts.ready} ready`,
    parts.waiting && `${parts.waiting} being read`, parts.failed && `${parts.failed} not read`,
  ].filter(Boolean).join(" · ");
}

// What lay in a file, such as the attachments of a mail: all by name when they are few, else those that failed.
function Parts({ receipt }) {
  const [parts, setParts] = useState(null);
  useEffect(() => {
    let timer = null;
    let gone = false;
    const look = async () => {
      let waits = true;
      try {
        const response = await fetch(`/api/v1/documents/${receipt.document_id}/parts`);
        const answer = response.ok ? await response.json() : null;
        if (gone) return;
        if (answer) setParts(answer);
        waits = answer ? answer.waiting > 0 : response.status >= 500;
      } catch (error) {
        if (gone) return;
      }
      if (waits) timer = setTimeout(look, PARTS_POLL_MS);
    };
    look();
    return () => { gone = true; clearTimeout(timer); };
  }, [receipt.document_id]);
  if (!parts || !parts.total) return null;
  const name = (part) => part.filename.startsWith(`${receipt.filename} › `) ? part.filename.slice(receipt.filename.length + 3) : part.filename;
  const word = (part) => ({ ready: "ready", failed: part.error_message })[part.status] || "being read";
  const unnamed = parts.failed - parts.items.filter((part) => part.status === "failed").length;
  return (
    <div className="ml-2 pl-4 border-l flex flex-col gap-1 text-muted-foreground" data-kf="parts" data-waiting={parts.waiting}>
      <span>{counted(parts)}</span>
      {parts.waiting > 0 && <Progress value={Math.round(100 * (parts.total - parts.waiting) / parts.total)} aria-label={`${parts.total - parts.waiting} of ${parts.total} files in ${receipt.filename}`} className="h-2" />}
      <ul className="list-none p-0 m-0" aria-label={`In ${receipt.filename}`}>
        {parts.items.filter((part) => parts.total <= ALL_NAMED || part.status === "failed").map((part) => (
          <li key={part.id} style={{ overflowWrap: "anywhere" }}>
            <span className="text-foreground">{name(part)}</span>{" "}
            <span className={part.status === "failed" ? "text-destructive" : ""}>{word(part)}</span>
          </li>
        ))}
        {unnamed > 0 && <li>and {unnamed} more</li>}
      </ul>
    </div>
  );
}

export default function Receipts() {
  const [receipts, setReceipts] = useState({});
  const [away, setAway] = useState(false);
  const [removed, setRemoved] = useState({});

  useEffect(() => {
    let timer = null;
    let gone = false;
    const known = {};
    const ended = (id) => known[id] && (known[id].gone || ["completed", "failed"].includes(known[id].status));
    const look = async () => {
      try {
        for (const id of props.tasks.filter((task) => !ended(task))) {
          const response = await fetch(`/api/v1/tasks/${id}`);
          if (response.ok) known[id] = await response.json();
          else if (response.status === 404) known[id] = { gone: true };
        }
        if (gone) return;
        setAway(false);
        setReceipts({ ...known });
      } catch (error) {
        if (gone) return;
        setAway(true);
      }
      if (!props.tasks.every(ended)) timer = setTimeout(look, POLL_MS);
    };
    look();
    return () => { gone = true; clearTimeout(timer); };
  }, [props]);

  return (
    <ul className="flex flex-col gap-2 text-sm list-none p-0 m-0" aria-live="polite" aria-label="Files">
      {props.tasks.map((id) => {
        const receipt = receipts[id];
        if (!receipt) return <Row key={id} name={props.names[id] || "File"} state="running" text="asking how far it is" progress={0} />;
        if (receipt.gone) return <Row key={id} name="File" state="completed" text="has been deleted since" progress={100} />;
        if (removed[id]) return <Row key={id} name={receipt.filename} state="completed" text="has been removed" progress={100} />;
        return (
          <Row key={id} name={receipt.filename} state={receipt.status} text={said(receipt)} progress={receipt.progress}>
            {["completed", "failed"].includes(receipt.status) && receipt.version_number === 1 && (
              <Remove receipt={receipt} onRemoved={() => setRemoved((known) => ({ ...known, [id]: true }))} />
            )}
            {receipt.status === "completed" && <Parts receipt={receipt} />}
          </Row>
        );
      })}
      {props.refused.map((item) => (
        <Row key={item.filename} name={item.filename} state="failed" text={[item.problem, item.next_step].filter(Boolean).join(" ")} progress={0} />
      ))}
      {away && <li role="alert" className="text-muted-foreground">No connection; the files are being read nevertheless.</li>}
    </ul>
  );
}
