namespace KernOpt.Engine.Journaling;

/// <summary>The database's form, as a list of steps: a database at user_version n has had the first n. Steps are only ever added. See docs/journal.md.</summary>
internal static class JournalSchema
{
    /// <summary>"KOpt" in ASCII, in the file's header (sqlite.org/pragma.html#pragma_application_id).</summary>
    public const int ApplicationId = 0x4B4F7074;

    public static IReadOnlyList<string> Steps { get; } =
    [
        """
        CREATE TABLE entry (
            id          INTEGER PRIMARY KEY,
            time        TEXT    NOT NULL,
            target      TEXT    NOT NULL,
            target_name TEXT    NOT NULL,
            build_id    TEXT    NOT NULL,
            function    TEXT    NOT NULL,
            version     TEXT    NOT NULL,
            kind        TEXT    NOT NULL,
            reason      INTEGER,
            text        TEXT    NOT NULL,
            evidence    TEXT    NOT NULL CHECK (json_valid(evidence))
        ) STRICT;
        CREATE INDEX entry_by_target ON entry (target, id);
        CREATE INDEX entry_by_code ON entry (build_id, function, id);
        CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        CREATE TRIGGER entry_is_never_replaced BEFORE INSERT ON entry WHEN EXISTS (SELECT 1 FROM entry WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        """,
    ];
}
