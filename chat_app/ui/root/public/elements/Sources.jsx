// Which passages does the answer rest on, and how did it come about?
import { useEffect, useState } from "react";
import { useSetRecoilState } from "recoil";
import { sideViewState } from "@chainlit/react-client";
import { FileText, Info, SearchX } from "lucide-react";

const FIRST = 6; // of a list of many rows: each row opens from its own number, too

function place(citation) {
  const heading = citation.heading_path.length ? citation.heading_path[citation.heading_path.length - 1] : "";
  if (citation.paged) return citation.page_label || `page ${citation.page}`;
  return heading || citation.page_label;
}

function facts({ model, tokens, cost_usd, latency_ms }) {
  const parts = [];
  if (model) parts.push(model);
  if (tokens) parts.push(`${tokens.toLocaleString()} tokens`);
  if (cost_usd) parts.push(`$${cost_usd.toFixed(4)}`);
  if (latency_ms) parts.push(latency_ms < 1000 ? `${latency_ms} ms` : `${(latency_ms / 1000).toFixed(1)} s`);
  return parts.join(" · ");
}

export default function Sources() {
  const setSideView = useSetRecoilState(sideViewState);
  const [whole, setWhole] = useState(false);

  const open = (citation) => setSideView({
    title: `[${citation.number}] ${citation.filename}`,
    elements: [{
      id: `${props.message_id}-passage-${citation.number}`,
      type: "custom", name: "Passage", display: "side", forId: props.message_id, props: citation,
    }],
  });

  useEffect(() => {
    const onCite = ({ detail }) => {
      if (detail.messageId !== props.message_id) return;
      window.kfWaiting = null;
      const citation = props.citations.find((item) => item.number === detail.number);
      if (citation) open(citation);
    };
    const onAsk = ({ detail }) => {
      if (detail.messageId !== props.message_id) return;
      window.kfWaiting = null;
      sendUserMessage(detail.question);
    };
    window.addEventListener("kf-cite", onCite);
    window.addEventListener("kf-ask", onAsk);
    const waiting = window.kfWaiting;
    if (waiting) (waiting.type === "kf-cite" ? onCite : onAsk)(waiting);
    return () => {
      window.removeEventListener("kf-cite", onCite);
      window.removeEventListener("kf-ask", onAsk);
    };
  }, [props]);

  const shown = whole ? props.citations : props.citations.slice(0, FIRST);

  return (
    <div className="flex flex-col gap-2 text-sm" data-kf="sources">
      {props.notices.map((notice) => (
        <div key={notice} className="flex items-start gap-2 text-muted-foreground" role="note">
          <Info className="h-4 w-4 mt-0.5 shrink-0" aria-hidden="true" />
          <span>{notice}</span>
        </div>
      ))}
      {props.outcome === "closest" && (
        <div data-kf="closest" className="flex items-start gap-2 rounded-lg border px-3 py-2" role="note">
          <SearchX className="h-4 w-4 mt-0.5 shrink-0 text-muted-foreground" aria-hidden="true" />
          <span>Not an answer. Open a passage to read what it says.</span>
        </div>
      )}
      {props.citations.length > 0 && (
        <ol className="flex flex-wrap gap-2 list-none p-0 m-0" aria-label={props.outcome === "closest" ? "Closest passages" : "Sources"}>
          {shown.map((citation) => (
            <li key={citation.number} className="max-w-full">
              <button
                type="button"
                onClick={() => open(citation)}
                title={citation.quote}
                className="flex items-center gap-2 max-w-full rounded-lg border bg-card px-3 py-1.5 text-left hover:bg-accent"
              >
                <span className="font-semibold text-primary">{citation.number}</span>
                <FileText className="h-4 w-4 shrink-0 text-muted-foreground" aria-hidden="true" />
                <span className="truncate">{citation.filename}</span>
                <span className="truncate text-muted-foreground">{place(citation)}</span>
                {props.superseded.includes(citation.number) && (
                  <span data-kf="old" className="shrink-0 rounded bg-muted px-1.5 text-xs">superseded</span>
                )}
              </button>
            </li>
          ))}
          {shown.length < props.citations.length && (
            <li>
              <button
                type="button"
                data-kf="all-sources"
                onClick={() => setWhole(true)}
                className="rounded-lg border px-3 py-1.5 text-muted-foreground hover:bg-accent"
              >
                All {props.citations.length} sources
              </button>
            </li>
          )}
        </ol>
      )}
      {facts(props.facts) && <div className="text-xs text-muted-foreground">{facts(props.facts)}</div>}
    </div>
  );
}
