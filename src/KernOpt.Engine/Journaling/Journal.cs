using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using KernOpt.Target;
using Microsoft.Data.Sqlite;

namespace KernOpt.Engine.Journaling;

/// <summary>
/// Every decision with its evidence, append-only, in SQLite. Each failure is a value (KO7101–KO7107): a journal that cannot be written never
/// stops the caller from reverting. May be used from any thread, and by several processes on one file.
/// </summary>
public sealed class Journal : IDisposable
{
    private const int BusySeconds = 5;

    private readonly TimeProvider clock;
    private readonly Lock gate = new();

    private Journal(string path, SqliteConnection connection, TimeProvider clock)
    {
        Path = path;
        Connection = connection;
        this.clock = clock;
    }

    public string Path { get; }

    internal SqliteConnection Connection { get; }

    /// <summary>Opens or creates it; directories that are missing are made, for the owner only, as the file is: evidence holds values of the target.</summary>
    public static Outcome<Journal> Open(string path, TimeProvider? clock = null)
    {
        SqliteConnection? connection = null;
        try
        {
            path = System.IO.Path.GetFullPath(path);
            CreateForOwnerOnly(path);
            connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = BusySeconds }.ToString());
            connection.Open();
            // The last to close it does not wait for the disk either: the log is merged when it has grown (PRAGMA wal_autocheckpoint).
            SQLitePCL.raw.sqlite3_db_config(connection.Handle, SQLitePCL.raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);
            if (Migrate(connection, path) is { } refusal)
            {
                connection.Dispose();
                return refusal;
            }
            return new Journal(path, connection, clock ?? TimeProvider.System);
        }
        catch (SqliteException e)
        {
            connection?.Dispose();
            return Refuse(e, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            connection?.Dispose();
            return JournalErrors.ReasonOf(e, path).With($"{path}: {e.Message}");
        }
    }

    /// <summary>One that is forgotten when it is disposed: for work that must not wait for a file.</summary>
    public static Outcome<Journal> InMemory()
    {
        var connection = new SqliteConnection("Data Source=:memory:;Pooling=False");
        try
        {
            connection.Open();
            if (Migrate(connection, ":memory:") is not { } refusal) return new Journal(":memory:", connection, TimeProvider.System);
            connection.Dispose();
            return refusal;
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            return Refuse(e, ":memory:");
        }
    }

    /// <summary>Writes one entry at once and for good; answers its number.</summary>
    public Outcome<long> Append(JournalEntry entry)
    {
        lock (gate)
        {
            try
            {
                using var command = Connection.CreateCommand();
                command.CommandText = """
                    INSERT INTO entry (time, target, target_name, build_id, function, version, kind, reason, text, evidence)
                    VALUES ($time, $target, $target_name, $build_id, $function, $version, $kind, $reason, $text, $evidence) RETURNING id
                    """;
                var time = entry.Time == default ? clock.GetUtcNow() : entry.Time.ToUniversalTime();
                command.Parameters.AddWithValue("$time", time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture));
                command.Parameters.AddWithValue("$target", entry.Target);
                command.Parameters.AddWithValue("$target_name", entry.TargetName);
                command.Parameters.AddWithValue("$build_id", entry.BuildId);
                command.Parameters.AddWithValue("$function", entry.Function);
                command.Parameters.AddWithValue("$version", entry.Version);
                command.Parameters.AddWithValue("$kind", JournalWords.Of(entry.Kind));
                command.Parameters.AddWithValue("$reason", entry.Reason is { } reason ? reason.Number : DBNull.Value);
                command.Parameters.AddWithValue("$text", entry.Text);
                command.Parameters.AddWithValue("$evidence", entry.Evidence.ToJsonString());
                return (long)command.ExecuteScalar()!;
            }
            catch (SqliteException e)
            {
                return Refuse(e, Path);
            }
        }
    }

    /// <summary>Entries in order of writing; of one target (its identity) and one version id, where these are given.</summary>
    public Outcome<IReadOnlyList<JournalEntry>> Read(string? target = null, string? version = null)
    {
        lock (gate)
        {
            try
            {
                using var command = Connection.CreateCommand();
                command.CommandText = """
                    SELECT id, time, target, target_name, build_id, function, version, kind, reason, text, evidence FROM entry
                    WHERE ($target IS NULL OR target = $target) AND ($version IS NULL OR version = $version) ORDER BY id
                    """;
                command.Parameters.AddWithValue("$target", (object?)target ?? DBNull.Value);
                command.Parameters.AddWithValue("$version", (object?)version ?? DBNull.Value);
                using var reader = command.ExecuteReader();
                var entries = new List<JournalEntry>();
                while (reader.Read()) entries.Add(EntryOf(reader));
                return entries;
            }
            catch (Exception e) when (e is SqliteException or FormatException or JsonException)
            {
                return e is SqliteException sqlite ? Refuse(sqlite, Path) : Reasons.JournalNotADatabase.With($"{Path}: {e.Message}");
            }
        }
    }

    public void Dispose() => Connection.Dispose();

    private static JournalEntry EntryOf(SqliteDataReader row) => new()
    {
        Id = row.GetInt64(0),
        Time = DateTimeOffset.Parse(row.GetString(1), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
        Target = row.GetString(2),
        TargetName = row.GetString(3),
        BuildId = row.GetString(4),
        Function = row.GetString(5),
        Version = row.GetString(6),
        Kind = JournalWords.KindOf(row.GetString(7)),
        Reason = row.IsDBNull(8) ? null : JournalWords.ReasonOf(row.GetInt32(8)),
        Text = row.GetString(9),
        Evidence = JsonNode.Parse(row.GetString(10)) as JsonObject ?? [],
    };

    private static void CreateForOwnerOnly(string path)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException();
        if (File.Exists(path)) return;
        var folder = System.IO.Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var made = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    /// <summary>Brings the database to the present form. A database of another program is not touched.</summary>
    private static Refusal? Migrate(SqliteConnection connection, string path)
    {
        var tables = Number(connection, "SELECT count(*) FROM sqlite_schema");
        if (tables > 0 && Number(connection, "PRAGMA application_id") != JournalSchema.ApplicationId)
            return Reasons.JournalNotADatabase.With($"{path} is another program's database");
        if (Number(connection, "PRAGMA user_version") > JournalSchema.Steps.Count)
            return Reasons.JournalTooNew.With($"{path} has format {Number(connection, "PRAGMA user_version")}, this KernOpt knows {JournalSchema.Steps.Count}");
        // A file that is being made has nothing to lose: opening one does not wait for the disk.
        Execute(connection, "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; PRAGMA trusted_schema = OFF");
        // Immediate: of two that open a new file at once, the second sees the first one's tables.
        using var transaction = connection.BeginTransaction(deferred: false);
        var done = (int)Number(connection, "PRAGMA user_version");
        for (var step = done; step < JournalSchema.Steps.Count; step++) Execute(connection, JournalSchema.Steps[step]);
        if (done < JournalSchema.Steps.Count)
            Execute(connection, $"PRAGMA application_id = {JournalSchema.ApplicationId}; PRAGMA user_version = {JournalSchema.Steps.Count}");
        transaction.Commit();
        Execute(connection, "PRAGMA synchronous = NORMAL");
        return null;
    }

    private static long Number(SqliteConnection connection, string query)
    {
        using var command = connection.CreateCommand();
        command.CommandText = query;
        return (long)command.ExecuteScalar()!;
    }

    private static void Execute(SqliteConnection connection, string text)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }

    private static Refusal Refuse(SqliteException e, string path) => JournalErrors.ReasonOf(e, path).With($"{path}: {e.Message}");
}
