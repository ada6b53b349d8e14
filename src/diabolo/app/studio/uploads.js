// A file of more than MOST_BYTES, which the page gives, is refused before it is sent, and told where it was dropped.
(() => {
  const refuse = (event, files) => {
    document.querySelectorAll(".too-large").forEach((old) => old.remove());
    const large = [...files].find((file) => file.size > MOST_BYTES), told = document.createElement("p");
    if (!large) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.type === "change") event.target.value = "";
    else event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true }));
    told.className = "warning too-large";
    told.role = "alert";
    told.textContent = `${large.name} is too large; the Studio takes files of at most ${MOST_BYTES >> 20} MB.`;
    event.target.closest("[role=tabpanel]")?.prepend(told);
  };
  document.addEventListener("change", (event) => { if (event.target.type === "file") refuse(event, event.target.files); }, true);
  document.addEventListener("drop", (event) => refuse(event, event.dataTransfer.files), true);
})();
