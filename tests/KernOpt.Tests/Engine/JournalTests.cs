using System.Text.Json.Nodes;
using KernOpt.Engine.Journaling;
using KernOpt.Target;
using Microsoft.Data.Sqlite;
using Xunit;

namespace KernOpt.Tests.Engine;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class JournalTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-journal-").FullName;

    private string File => Path.Combine(folder, "deep", "journal.db");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void InMemory_TakesEntries_AndTouchesNoFile()
    {
        using var journal = Journal.InMemory().Value;
        Assert.Equal(1, journal.Append(new JournalEntry { Kind = JournalKind.Reverted, Target = "t", Text = "x" }).Value);
        Assert.Single(journal.Read().Value);
        Assert.False(System.IO.File.Exists(":memory:"));
    }

    [Fact]
    public void EntryWritten_IsReadBackWhole_AfterReopening()
    {
        var written = Entry(JournalKind.RolledBack) with
        {
            BuildId = "ab12", Function = "siphash", Version = "3", Reason = Reasons.GuardHitRateFell, TargetName = "redis-server (pid 7)",
            Evidence = new JsonObject { ["hitRate"] = 0.25, ["values"] = new JsonArray(1, 2) },
        };
        using (var journal = Journal.Open(File).Value) Assert.Equal(1, journal.Append(written).Value);
        using var again = Journal.Open(File).Value;
        var read = Assert.Single(again.Read("pid:7:start:1", "3").Value);
        Assert.Equal(written.Evidence.ToJsonString(), read.Evidence.ToJsonString());
        Assert.Equal(written with { Id = 1, Time = read.Time, Evidence = read.Evidence }, read);
        Assert.InRange(read.Time, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Empty(again.Read("pid:8:start:1").Value);
        Assert.Empty(again.Read(version: "4").Value);
    }

    [Fact]
    public void EveryKind_SurvivesTheDatabase()
    {
        using var journal = Journal.Open(File).Value;
        foreach (var kind in Enum.GetValues<JournalKind>()) Assert.True(journal.Append(Entry(kind)).IsDone);
        Assert.Equal(Enum.GetValues<JournalKind>(), journal.Read().Value.Select(e => e.Kind));
    }

    [Theory]
    [InlineData("UPDATE entry SET text = 'something else'")]
    [InlineData("DELETE FROM entry")]
    [InlineData("INSERT OR REPLACE INTO entry SELECT * FROM entry")]
    public void RewritingThePast_IsRefusedByTheDatabaseItself(string attempt)
    {
        using var journal = Journal.Open(File).Value;
        journal.Append(Entry(JournalKind.Kept));
        using var command = journal.Connection.CreateCommand();
        command.CommandText = attempt;
        Assert.Contains("append-only", Assert.Throws<SqliteException>(() => command.ExecuteNonQuery()).Message);
        Assert.Equal("t", Assert.Single(journal.Read().Value).Text);
    }

    [Fact]
    public void FileThatIsNoDatabase_IsRefused_AndLeftAsItIs()
    {
        var path = Path.Combine(folder, "notes.txt");
        System.IO.File.WriteAllText(path, new string('x', 5_000));
        Assert.Equal(Reasons.JournalNotADatabase, Journal.Open(path).Refusal.Reason);
        Assert.Equal(new string('x', 5_000), System.IO.File.ReadAllText(path));
    }

    [Fact]
    public void DatabaseOfAnotherProgram_IsRefused_AndLeftAsItIs()
    {
        var path = Path.Combine(folder, "other.db");
        using (var other = new SqliteConnection($"Data Source={path};Pooling=false"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "CREATE TABLE theirs (x)";
            command.ExecuteNonQuery();
        }
        var before = System.IO.File.ReadAllBytes(path);
        Assert.Equal(Reasons.JournalNotADatabase, Journal.Open(path).Refusal.Reason);
        Assert.Equal(before, System.IO.File.ReadAllBytes(path));
    }

    [Fact]
    public void JournalOfANewerKernOpt_IsRefused()
    {
        using (var journal = Journal.Open(File).Value)
        {
            using var command = journal.Connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }
        Assert.Equal(Reasons.JournalTooNew, Journal.Open(File).Refusal.Reason);
    }

    [Theory]
    [InlineData("/proc/kernopt/journal.db")]
    [InlineData("/sys/journal.db")]
    [InlineData("/dev/null/journal.db")]
    [InlineData("/")]
    public void PlaceWhereNothingCanBeWritten_IsRefused(string path)
        => Assert.Contains(Journal.Open(path).Refusal.Reason, new[] { Reasons.JournalNotWritable, Reasons.JournalNotPermitted });

    [Fact]
    public void FullDisk_IsAValue_AndWhatWasWrittenStays()
    {
        using var journal = Journal.Open(File).Value;
        journal.Append(Entry(JournalKind.Started));
        using (var command = journal.Connection.CreateCommand())
        {
            // SQLite answers the limit with the same SQLITE_FULL as a disk without room.
            command.CommandText = "PRAGMA max_page_count = 1";
            command.ExecuteScalar();
        }
        Outcome<long> last = 0L;
        for (var i = 0; i < 1_000 && last.IsDone; i++) last = journal.Append(Entry(JournalKind.Chosen) with { Text = new string('x', 1_000) });
        Assert.Equal(Reasons.JournalDiskFull, last.Refusal.Reason);
        Assert.Equal(JournalKind.Started, journal.Read().Value[0].Kind);
    }

    [Fact]
    public void TwoKernOpt_AppendAtOnce_AndNothingIsLost()
    {
        using var first = Journal.Open(File).Value;
        using var second = Journal.Open(File).Value;
        Parallel.For(0, 200, i => Assert.True((i % 2 == 0 ? first : second).Append(Entry(JournalKind.AbWindow)).IsDone));
        Assert.Equal(200, first.Read().Value.Count);
    }

    [Fact]
    public void JournalHoldsValuesOfTheTarget_SoOnlyTheOwnerMayReadIt()
    {
        using var journal = Journal.Open(File).Value;
        journal.Append(Entry(JournalKind.Started));
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        Assert.All(Directory.GetFiles(Path.GetDirectoryName(File)!), f => Assert.Equal(UnixFileMode.None, System.IO.File.GetUnixFileMode(f) & others));
    }

    [Fact]
    public void Story_TellsInOrder_WithReasonAndFigures_AndNoControlCharacterReachesTheTerminal()
    {
        var time = DateTimeOffset.Parse("2026-11-23T05:40:02Z");
        var story = JournalStory.Tell(
        [
            Entry(JournalKind.RolledBack) with { Time = time.AddSeconds(9), Version = "1", Reason = Reasons.GuardHitRateFell, Text = "back", Evidence = new JsonObject { ["hitRate"] = 0.254321 } },
            Entry(JournalKind.Kept) with { Time = time, TargetName = "evil\u001b[2J", Function = "f", Version = "1", Text = "kept" },
        ]);
        Assert.Equal(
            """
            evil\x1b[2J — pid:7:start:1
            2026-11-23 05:40:02Z  kept        f, version 1: kept
            2026-11-23 05:40:11Z  rolled back version 1: back
                                   because KO6010 GuardHitRateFell: The kept version's guard lets fewer calls through than the policy demands: the values have changed.
                                   hitRate 0.2543

            """, story);
    }

    [Fact]
    public void StoryAsJson_HoldsReasonAndEvidence()
    {
        var json = JournalStory.ToJson([Entry(JournalKind.Refused) with { Reason = Reasons.PolicyInvalid, Evidence = new JsonObject { ["n"] = 5 } }]);
        var entry = json["entries"]![0]!;
        Assert.Equal("refused", (string?)entry["kind"]);
        Assert.Equal(7002, (int?)entry["reason"]!["number"]);
        Assert.Equal(5, (int?)entry["evidence"]!["n"]);
    }

    private static JournalEntry Entry(JournalKind kind) => new() { Kind = kind, Target = "pid:7:start:1", Text = "t" };
}
