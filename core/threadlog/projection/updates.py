"""How updates change an item's plain form. Nothing is changed in place: what an update touches is copied.

An update that does not fit its item (a task for a message, a component that is not there) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threadlog.projection.payloads import (
    AnnotationAdded,
    ImageUpdated,
    Json,
    PartAdded,
    PartDone,
    StructuralUpdate,
    TaskAdded,
    TaskUpdated,
    WidgetComponentUpdated,
    WidgetRootUpdated,
    WidgetTextDelta,
)

PARTS_AT_MOST = 1000
"""Content parts of a message. An update may name a part before it was added, and the parts up to it are then empty."""


def updated(item_type: str, data: Json, update: StructuralUpdate | WidgetTextDelta) -> Json | None:
    """An item's plain form after an update; None where it does not fit."""
    wants, change = _CHANGES[type(update)]
    return change(data, update) if item_type == wants else None


def part_of(data: Json, index: int) -> tuple[list[Any], Json]:
    """A copy of a message's content that reaches to `index`, and the part there."""
    content = data.get("content")
    content = list(content) if isinstance(content, list) else []
    content.extend({"type": "output_text", "text": "", "annotations": []} for _ in range(index + 1 - len(content)))
    part = content[index] if isinstance(content[index], dict) else {"type": "output_text"}
    text = part.get("text")
    return content, {**part, "text": text if isinstance(text, str) else ""}


def component_of(widget: Any, component_id: str) -> Json | None:
    """The first component of this id inside a widget, the root included."""
    if isinstance(widget, list):
        found = (component_of(child, component_id) for child in widget)
        return next((component for component in found if component is not None), None)
    if not isinstance(widget, dict):
        return None
    return widget if widget.get("id") == component_id else component_of(widget.get("children"), component_id)


def _with_part(data: Json, update: PartAdded | PartDone) -> Json | None:
    if not 0 <= update.content_index < PARTS_AT_MOST:
        return None
    content, _ = part_of(data, update.content_index)
    content[update.content_index] = update.content
    return {**data, "content": content}


def _with_annotation(data: Json, update: AnnotationAdded) -> Json | None:
    if not 0 <= update.content_index < PARTS_AT_MOST:
        return None
    content, part = part_of(data, update.content_index)
    annotations = _inserted(part.get("annotations"), update.annotation_index, update.annotation)
    content[update.content_index] = {**part, "annotations": annotations}
    return {**data, "content": content}


def _with_widget(data: Json, update: WidgetRootUpdated) -> Json:
    return {**data, "widget": update.widget}


def _with_component(data: Json, update: WidgetComponentUpdated) -> Json | None:
    return _with_changed_component(data, update.component_id, lambda _: update.component)


def _with_component_text(data: Json, update: WidgetTextDelta) -> Json | None:
    def grown(component: Json) -> Json:
        value = component.get("value")
        new = {**component, "value": (value if isinstance(value, str) else "") + update.delta}
        if update.done and "streaming" in component:
            new["streaming"] = False
        return new

    return _with_changed_component(data, update.component_id, grown)


def _with_added_task(data: Json, update: TaskAdded) -> Json | None:
    tasks = _tasks_of(data)
    return None if tasks is None else _with_tasks(data, _inserted(tasks, update.task_index, update.task))


def _with_task(data: Json, update: TaskUpdated) -> Json | None:
    tasks = _tasks_of(data)
    if tasks is None or not 0 <= update.task_index < len(tasks):
        return None
    return _with_tasks(data, [*tasks[: update.task_index], update.task, *tasks[update.task_index + 1 :]])


def _with_image(data: Json, update: ImageUpdated) -> Json:
    return {**data, "image": update.image}


_CHANGES: dict[type, tuple[str, Callable[[Json, Any], Json | None]]] = {
    PartAdded: ("assistant_message", _with_part),
    PartDone: ("assistant_message", _with_part),
    AnnotationAdded: ("assistant_message", _with_annotation),
    WidgetRootUpdated: ("widget", _with_widget),
    WidgetComponentUpdated: ("widget", _with_component),
    WidgetTextDelta: ("widget", _with_component_text),
    TaskAdded: ("workflow", _with_added_task),
    TaskUpdated: ("workflow", _with_task),
    ImageUpdated: ("generated_image", _with_image),
}


def _inserted(values: Any, index: int, value: Json) -> list[Any]:
    """A copy of a list with `value` at `index`, or at its end where it is shorter."""
    copy: list[Any] = list(values) if isinstance(values, list) else []
    copy.insert(max(index, 0), value)
    return copy


def _tasks_of(data: Json) -> list[Any] | None:
    workflow = data.get("workflow")
    if not isinstance(workflow, dict):
        return None
    tasks: Any = workflow.get("tasks")
    return list(tasks) if isinstance(tasks, list) else []


def _with_tasks(data: Json, tasks: list[Any]) -> Json:
    return {**data, "workflow": {**data["workflow"], "tasks": tasks}}


def _with_changed_component(data: Json, component_id: str, change: Callable[[Json], Json]) -> Json | None:
    widget = _changed(data.get("widget"), component_id, change)
    return None if widget is None else {**data, "widget": widget}


def _changed(node: Any, component_id: str, change: Callable[[Json], Json]) -> Any:
    """A copy of the tree with its first component of this id changed; None where it has none."""
    if isinstance(node, list):
        return _changed_child(node, component_id, change)
    if not isinstance(node, dict):
        return None
    if node.get("id") == component_id:
        return change(node)
    children = _changed(node.get("children"), component_id, change)
    return None if children is None else {**node, "children": children}


def _changed_child(nodes: list[Any], component_id: str, change: Callable[[Json], Json]) -> list[Any] | None:
    for place, node in enumerate(nodes):
        new = _changed(node, component_id, change)
        if new is not None:
            return [*nodes[:place], new, *nodes[place + 1 :]]
    return None
