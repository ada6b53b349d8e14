// The pad of the tab Reconstruct: what is drawn goes to the server after each stroke, as a PNG of transparent paper.
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
Object.assign(pen, { lineWidth: 22, lineCap: "round", lineJoin: "round", strokeStyle: "#1b1f24" });
let drawing = false;

const lineTo = (event) => {
  const box = canvas.getBoundingClientRect();
  pen.lineTo((event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height);
  pen.stroke();
};
const tell = (picture) => {
  props.value = picture;
  trigger("input");
};
const end = () => {
  if (drawing) tell(canvas.toDataURL("image/png"));
  drawing = false;
};

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  drawing = true;
  pen.beginPath();
  lineTo(event);
});
canvas.addEventListener("pointermove", (event) => { if (drawing) lineTo(event); });
canvas.addEventListener("pointerup", end);
canvas.addEventListener("pointercancel", end);
element.querySelector("button").addEventListener("click", () => {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  tell("");
});
