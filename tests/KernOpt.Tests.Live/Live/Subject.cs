using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Linux;
using KernOpt.Live;
using KernOpt.Live.Text;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;

namespace KernOpt.Tests.Live.Live;

/// <summary>A process seen through everything that a run of kernopt opens.</summary>
internal sealed class Subject : IDisposable
{
    public Subject(int pid)
    {
        Target = ProcessTarget.Attach(pid).Value;
        Image = ProgramImage.Read(Target).Value;
        Live = LiveCode.Open(Target, Image).Value;
    }

    public ProcessTarget Target { get; }
    public ProgramImage Image { get; }
    public LiveCode Live { get; }

    public FunctionGraph GraphOf(string name) => FunctionParser.Parse(Image.Find(name).Value, Live.Source).Value;

    public Redirect Redirect(string name)
    {
        var graph = GraphOf(name);
        return Live.RedirectFunction(graph, Live.Sites.Choose(graph).Value).Value;
    }

    public InstalledVersion Relocate(Redirect redirect, FunctionGraph graph) => TryRelocate(redirect, graph).Value;

    public Outcome<InstalledVersion> TryRelocate(Redirect redirect, FunctionGraph graph)
    {
        if (!BodyBuilder.Copy(graph, redirect.Site, withFullEntry: true).Try(out var body, out var why)) return why;
        if (!CodeLayout.UpperBound(body).Try(out var most, out why)) return why;
        return Live.InstallVersion(redirect, new VersionRequest(VersionKind.Relocated, "identity", most, place => CodeLayout.Encode(body, place.Code)));
    }

    /// <summary>Reverts until nothing drains; fails when that never comes.</summary>
    /// <param name="idle">
    /// The program, where it waits for a line of rounds and threads: words that its last work has left in its frames may look like pointers to our code until it works again, and then it is given some.
    /// </param>
    public RevertReport RevertAll(NativeProgram? idle = null)
    {
        var report = Live.RevertAll();
        var restored = report.Restored;
        var tries = 0;
        try
        {
            Wait.Until(() =>
            {
                if (report.Draining == 0 && Live.Regions.Count == 0) return true;
                if (++tries % 100 == 0 && idle is not null)
                {
                    idle.WriteLine("1 1");
                    Xunit.Assert.Equal("ok", idle.ReadLine());
                }
                report = Live.RevertAll();
                return false;
            });
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{report.Draining} are draining, {Live.Regions.Count} regions: {string.Join("; ", Evidence())}");
        }
        return report with { Restored = restored };
    }

    /// <summary>Why memory of ours is not proved to be left.</summary>
    private IEnumerable<string> Evidence() => Target.ReadMap().Mappings.Where(m => m.Path.Contains("kernopt", StringComparison.Ordinal) && m.Protection.HasFlag(Protection.Execute))
        .Select(m => (m.Range, Proof: Target.ProveQuiescent([m.Range]))).Where(p => !p.Proof.Try(out var found, out _) || !found.IsProved).Select(p => $"{p.Range}: {(p.Proof.Try(out var found, out var why) ? found.Evidence : $"{why}")}");

    public IReadOnlyList<TextDifference> TextDifferences => TextCheck.CompareAll(Target).Differences;

    public void Dispose() => Target.Dispose();
}
