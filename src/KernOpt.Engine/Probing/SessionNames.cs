using System.Diagnostics;
using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Engine.Sessions;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>What expressions name of a session's target.</summary>
internal sealed class SessionNames(Session session) : INames
{
    private static readonly TimeSpan LookAtTheClock = TimeSpan.FromMilliseconds(20);

    public Outcome<AddressRange> Function(string name) => session.Program.Find(name).Then<AddressRange>(f => f.Range);

    public Outcome<int> ThreadNumberOffset() => session.Target.FindThreadNumberOffset();

    /// <summary>NAME, or MODULE!NAME. One name in several modules is the one that the main program uses, as the loader has it, only where that can be told: so it is refused.</summary>
    public Outcome<DataPlace> Data(string name)
    {
        var mark = name.IndexOf('!', StringComparison.Ordinal);
        var (module, symbol) = mark < 0 ? (null, name) : (name[..mark], name[(mark + 1)..]);
        var found = session.Program.Modules.Where(m => module is null || m.Name == module).SelectMany(m => Named(m, symbol)).Distinct().ToList();
        return found is [var only] ? only : Reasons.DataNotFound.With(found.Count == 0 ? name : $"{name}: there are {found.Count}");
    }

    public Outcome<ulong> TicksPerSecond()
    {
        var clock = Stopwatch.StartNew();
        var from = session.Target.ReadTimeStamp();
        while (clock.Elapsed < LookAtTheClock) Thread.SpinWait(100);
        var ticks = session.Target.ReadTimeStamp() - from;
        return (ulong)(ticks / clock.Elapsed.TotalSeconds);
    }

    public Refusal WhyNotCounted(string counter) => session.Target.WhyNotCounted(counter);

    private static IEnumerable<DataPlace> Named(ModuleImage module, string symbol)
    {
        if (!module.File.Try(out var file, out _)) yield break;
        foreach (var found in SymbolTable.ReadStatic(file.Image).Symbols.Concat(file.DynamicSymbols.Symbols).Where(s => s.IsDefined && s.Kind == SymbolKind.Object && s.Name == symbol))
        {
            // Beyond what the file holds a segment is zeros, which are mapped as well.
            var segment = file.Image.Segments.FirstOrDefault(s => s.Kind == SegmentKind.Load && s.Access.HasFlag(SegmentAccess.Read) && s.Range.Contains(found.Value));
            if (segment is not null) yield return new DataPlace(module.ToLive(found.Value), new AddressRange(module.ToLive(segment.Range.Start), segment.Range.Length), IsNeverUnmapped(module));
        }
    }

    /// <summary>dlclose(3) takes no module away that was there when the program began; of these two it is certain.</summary>
    private static bool IsNeverUnmapped(ModuleImage module) => module.Location.IsMainProgram || module.Name is "libc.so.6" or "ld-linux-x86-64.so.2";
}
