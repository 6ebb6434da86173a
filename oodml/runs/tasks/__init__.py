"""What a trained embedding is asked to do: a registry of tasks, one file each."""

from oodml.runs.tasks.base import (
    Task,
    TaskContext,
    TaskOutput,
    create_task,
    list_tasks,
    register_task,
    task_class,
)

__all__ = [
    "Task",
    "TaskContext",
    "TaskOutput",
    "create_task",
    "list_tasks",
    "register_task",
    "task_class",
]
