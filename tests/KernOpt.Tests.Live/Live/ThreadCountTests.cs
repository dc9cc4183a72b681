using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>What `kernopt probe --do count` counts where threads and processes come and go: exactly what the program says that it has called.</summary>
public sealed class ThreadCountTests
{
    private static readonly HashSet<Address> NoEntries = [];

    /// <summary>Thousands of threads: their numbers share slots, and come again.</summary>
    [Theory]
    [InlineData("threads 4000 500")]
    [InlineData("threads 16 400000")]
    [InlineData("forks 60 20000")]
    [InlineData("vforks 60 20000")]
    [InlineData("threads 16 400000", true)]
    [InlineData("forks 60 20000", true)]
    [InlineData("vforks 60 20000", true)]
    public async Task CallsOfThreadsAndProcessesThatComeAndGo_AreCountedExactly(string work, bool allAlike = false)
    {
        using var program = NativeProgram.Start("churn.c");
        // Once it answers it has loaded its library.
        program.WriteLine("threads 1 10");
        Assert.Equal("ok 10", program.ReadLine());
        using var subject = new Counted(program.Pid, allAlike: allAlike);
        Assert.IsType<PerThreadCountAction>(subject.Program.Action);
        program.WriteLine("threads 1 10");
        Assert.Equal("ok 10", program.ReadLine());
        program.WriteLine(work);
        var calls = CallsOf(await subject.GiveSlotsUntilAsync(Task.Run(program.ReadLine, TestContext.Current.CancellationToken)));
        Assert.Equal(10 + calls, subject.Count);
        Assert.True(subject.Slots >= 1, "no thread had a slot of its own");
        Assert.Empty(await subject.RemoveAsync());
        program.WriteLine("forks 2 10");
        Assert.Equal("ok 40", program.ReadLine());
    }

    /// <summary>The planted error: a word that all threads have in common (the stack guard) for their number, so that all count in one slot, without a lock.</summary>
    [Fact]
    public async Task ThreadsThatHaveOneNumber_AreSeenToLosePassages()
    {
        using var program = NativeProgram.Start("churn.c");
        const int guardOffset = 0x28;
        using var subject = new Counted(program.Pid, new PerThreadCountAction(guardOffset));
        var guard = new byte[4];
        Assert.Equal(guard.Length, subject.Session.Target.Read(subject.Session.Target.ReadThreadPointer().Value + guardOffset, guard));
        subject.Give(BinaryPrimitives.ReadInt32LittleEndian(guard));
        var clock = Stopwatch.StartNew();
        for (var calls = 0UL; subject.Count == calls;)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(1), "no passage was lost");
            program.WriteLine("threads 16 400000");
            calls += CallsOf(program.ReadLine());
        }
    }

    private static ulong CallsOf(string answer) => ulong.Parse(answer.Split(' ')[1], CultureInfo.InvariantCulture);

    /// <summary>A counter before the function's first instruction, as probe puts it, or of a given kind.</summary>
    private sealed class Counted : IDisposable
    {
        private readonly Subject subject;
        private readonly Journal journal = Journal.InMemory().Value;
        private readonly PlacedProbes probes;
        private readonly PassageCounts counts;

        public Counted(int pid, ProbeAction? action = null, bool allAlike = false)
        {
            subject = new Subject(pid);
            Session = Session.Open(subject.Target, journal).Value;
            var live = Session.Change().Value;
            var graph = Session.ParseNamed("counted").Value;
            var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: true);
            Program = action is null ? CountChoice.For(Session, ProbeProgram.Of(null, new CountAction()).Value, [plan]) : ProbeProgram.Of(null, action).Value;
            if (allAlike) Program = ProbeProgram.Of(null, Assert.IsType<PerThreadCountAction>(Program.Action) with { HasFirst = false }).Value;
            counts = new PassageCounts(subject.Target, Program);
            probes = new PlacedProbes(Session, Program, "count", new RefusalCount(), new Progress<string>());
            probes.Install([plan], CancellationToken.None);
            Assert.Single(probes.Points);
        }

        public Session Session { get; }

        public ProbeProgram Program { get; }

        public ulong Count => counts.At(probes.Points[0]);

        /// <summary>Given so far.</summary>
        public int Slots { get; private set; }

        public void Give(int number) => PerThreadCountAction.GiveSlots([number], Word, Store);

        /// <summary>As probe does, only more often.</summary>
        public async Task<string> GiveSlotsUntilAsync(Task<string> answer)
        {
            while (!answer.IsCompleted) PerThreadCountAction.GiveSlots(Session.Target.ReadThreadNumbers(), Word, Store);
            return await answer;
        }

        public Task<IReadOnlyList<string>> RemoveAsync() => probes.RemoveAsync(CancellationToken.None);

        public void Dispose()
        {
            probes.Dispose();
            Session.Dispose();
            journal.Dispose();
            subject.Dispose();
        }

        private ulong Word(int word) => probes.Points[0].Word(Program.ActionWords + word);

        private void Store(int word, ulong value)
        {
            probes.Sets[0].StoreWord(probes.Points[0].Number, Program.ActionWords + word, value);
            Slots++;
        }
    }
}
