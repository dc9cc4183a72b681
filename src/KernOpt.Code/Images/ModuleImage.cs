using System.Collections.Immutable;
using KernOpt.Binary;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>
/// A loaded module with its functions, ascending by address and not overlapping. Its file is read when something of it is first asked for.
/// All members may be called from any thread.
/// </summary>
public sealed class ModuleImage
{
    private readonly Lazy<Outcome<ModuleFile>> file;
    private readonly Lazy<ImmutableArray<Function>> functions;

    public ModuleImage(TargetModule location, ImmutableArray<Function> functions)
    {
        Location = location;
        file = new(() => Reasons.ModuleUnreadable.With($"{location.Name} is made of given functions"));
        this.functions = new(functions);
    }

    private ModuleImage(TargetModule location, Lazy<Outcome<ModuleFile>> file)
    {
        Location = location;
        this.file = file;
        functions = new(MakeFunctions);
    }

    public string Name => Location.Name;
    public Address LoadBias => Location.LoadBias;
    public TargetModule Location { get; }
    public ImmutableArray<Function> Functions => functions.Value;

    /// <summary>What the module's file says, or why it cannot be read (then there are no functions).</summary>
    public Outcome<ModuleFile> File => file.Value;

    /// <summary>Reads the file through <see cref="TargetModule.File"/> on first use.</summary>
    public static ModuleImage At(TargetModule location) => new(location, new Lazy<Outcome<ModuleFile>>(
        () => location.File().Then(bytes => ModuleFile.Read(bytes, location.DebugFileByBuildId))));

    /// <summary>The same file at another place: what has been read of it is kept.</summary>
    internal ModuleImage MovedTo(TargetModule location) => new(location, file);

    /// <summary>The function whose range holds the address.</summary>
    public Function? FunctionAt(Address address)
    {
        var all = Functions;
        int low = 0, high = all.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var function = all[middle];
            if (function.Range.Contains(address)) return function;
            if (address < function.Start) high = middle - 1;
            else low = middle + 1;
        }
        return null;
    }

    public FileAddress ToFile(Address live) => new(unchecked(live.Value - LoadBias.Value));

    public Address ToLive(FileAddress at) => LoadBias + at.Value;

    /// <summary>Where unwinding comes back into the function, as its table says; empty where there is none, or it cannot be read.</summary>
    public IReadOnlyList<Address> LandingPadsOf(Function function)
    {
        if (!function.HasLandingPads || !File.Try(out var content, out _)) return [];
        if (content.Unwind.EntryAt(ToFile(function.Start)) is not { Lsda: { } table } entry) return [];
        return [.. (ExceptionTable.LandingPads(content.Image, table, entry.Range) ?? []).Select(ToLive)];
    }

    private ImmutableArray<Function> MakeFunctions()
    {
        if (!File.Try(out var content, out _)) return [];
        return [.. content.Functions.Select(f => new Function(this, ToLive(f.Range.Start), f.Range.Length, f.Names, f.Origin)
        {
            HasLandingPads = f.HasLandingPads,
            IsFragment = f.IsFragment,
        })];
    }
}
