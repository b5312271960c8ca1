// Where exactly does it stand? The page as a picture, or the section as text, with the passage marked.
import { useEffect, useState } from "react";
import { ChevronLeft, ChevronRight, Download, Minus, Plus } from "lucide-react";
import { Button } from "@/components/ui/button";

// Lines that were wrapped where the file was written flow again; lists, tables and headings keep their lines.
const flowing = (text) => text.replace(/([^\n|])\n(?=[^\n\s#|\-*+>\d])/g, "$1 ");

const address = (path, query) => `/api/v1/passages/${props.chunk_id}${path}?${new URLSearchParams(query)}`;

function Problem({ children }) {
  return <p role="alert" className="text-sm text-destructive">{children}</p>;
}

function Page() {
  const [page, setPage] = useState(props.page);
  const [pages, setPages] = useState(null);
  const [width, setWidth] = useState(100);
  const [picture, setPicture] = useState(null);
  const [problem, setProblem] = useState("");
  const cited = page === props.page;

  useEffect(() => {
    let url = "";
    let gone = false;
    const query = { page, scale: 2, start: props.char_start, end: props.char_end };
    fetch(address("/picture", query)).then(async (response) => {
      if (gone) return;
      if (!response.ok) {
        const { detail } = await response.json();
        setProblem(detail || "The page cannot be shown.");
        return;
      }
      setPages(Number(response.headers.get("X-Page-Count")));
      url = URL.createObjectURL(await response.blob());
      setPicture(url);
      setProblem("");
    }).catch(() => setProblem("The page could not be loaded. Is the connection there?"));
    return () => { gone = true; if (url) URL.revokeObjectURL(url); };
  }, [page]);

  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center gap-1 text-sm" role="toolbar" aria-label="Page">
        <Button variant="ghost" size="icon" aria-label="Previous page" disabled={page <= 1} onClick={() => setPage(page - 1)}>
          <ChevronLeft />
        </Button>
        <span data-kf="page">{`Page ${page}${pages ? ` of ${pages}` : ""}`}</span>
        <Button variant="ghost" size="icon" aria-label="Next page" disabled={!pages || page >= pages} onClick={() => setPage(page + 1)}>
          <ChevronRight />
        </Button>
        {!cited && <Button variant="link" size="sm" onClick={() => setPage(props.page)}>back to the passage</Button>}
        <span className="flex-grow" />
        <Button variant="ghost" size="icon" aria-label="Smaller" disabled={width <= 100} onClick={() => setWidth(width - 50)}><Minus /></Button>
        <Button variant="ghost" size="icon" aria-label="Larger" disabled={width >= 300} onClick={() => setWidth(width + 50)}><Plus /></Button>
      </div>
      {problem && <Problem>{problem}</Problem>}
      {!picture && !problem && <div className="h-96 w-full animate-pulse rounded bg-muted" aria-label="Loading the page" />}
      {picture && (
        <div className="overflow-auto rounded border bg-white" data-kf="picture">
          <img
            src={picture}
            style={{ width: `${width}%`, maxWidth: "none" }}
            alt={cited ? `Page ${page} of ${props.filename}, the cited passage highlighted: ${props.quote}` : `Page ${page} of ${props.filename}`}
          />
        </div>
      )}
    </div>
  );
}

function Section({ passage, problem }) {
  useEffect(() => {
    if (passage) document.querySelector("mark.kf-passage")?.scrollIntoView({ block: "center" });
  }, [passage]);

  if (problem) return <Problem>{problem}</Problem>;
  if (!passage) return <div className="h-48 w-full animate-pulse rounded bg-muted" aria-label="Loading the passage" />;
  return (
    <div className="flex flex-col gap-2 text-sm">
      {passage.heading_path.length > 0 && <p className="text-muted-foreground">{passage.heading_path.join(" › ")}</p>}
      <div className="whitespace-pre-wrap leading-relaxed overflow-auto rounded border p-3" style={{ overflowWrap: "anywhere", maxHeight: "70vh" }}>
        {flowing(passage.text.slice(0, passage.char_start))}
        <mark className="kf-passage">{flowing(passage.text.slice(passage.char_start, passage.char_end))}</mark>
        {flowing(passage.text.slice(passage.char_end))}
      </div>
    </div>
  );
}

export default function Passage() {
  const file = `/api/v1/documents/${props.document_id}/versions/${props.version_id}/file`;
  const version = props.version_number > 1 ? ` · version ${props.version_number}` : "";
  const [passage, setPassage] = useState(null);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    fetch(address("", { start: props.char_start, end: props.char_end })).then(async (response) => {
      const body = await response.json();
      if (response.ok) setPassage(body);
      else setProblem(body.detail || "The passage cannot be shown.");
    }).catch(() => setProblem("The passage could not be loaded. Is the connection there?"));
  }, []);

  return (
    <div className="flex flex-col gap-3" data-kf="passage">
      <div className="flex items-center gap-2 text-sm text-muted-foreground">
        <span className="truncate">{`${props.filename}${version}`}</span>
        <a className="ml-auto flex items-center gap-1 shrink-0 text-primary hover:underline" href={file} download>
          <Download className="h-4 w-4" aria-hidden="true" />File
        </a>
      </div>
      {passage?.superseded && (
        <p role="note" data-kf="superseded" className="rounded bg-muted px-3 py-2 text-sm">
          Superseded: another version of this document answers now. This is the one that was cited.
        </p>
      )}
      {/^(application\/pdf$|image\/)/.test(props.mime_type) ? <Page /> : <Section passage={passage} problem={problem} />}
    </div>
  );
}
