using System.Collections.Immutable;
using KernOpt.Binary;

namespace KernOpt.Code.Images;

/// <summary>Whether the stack may be unwound through a moved copy of a function, and the reason for people.</summary>
public readonly record struct ExceptionRisk(bool MayPass, string Why);

/// <summary>
/// Code that we move has no unwind entries, so an exception that reaches a moved frame ends there. That is a change of behaviour only where a frame
/// further out would have caught it or cleaned up. Such a frame lies in a module that handles exceptions, and the moved function is then called, through
/// however many others, from that module. So a function is at risk when its module handles exceptions, or can be called from one that does: it is needed
/// by it (DT_NEEDED), or exports a function that it refers to (a plug-in calls its host that way, an interposed malloc is called that way), directly or by way
/// of further modules. When the main program catches, everything is at risk: it may hand pointers to anything.
///
/// Modules that only clean up (C) count only when threads of the program can be unwound at all without an exception: by pthread_cancel or pthread_exit.
///
/// Limits. Exceptions that C++ throws through a pointer which C code of a module that it does not depend on was given, are not seen (a C program whose C++
/// plug-in throws through a callback of the program, where another plug-in catches). Nor are exceptions out of signal handlers, nor asynchronous
/// cancellation in a leaf: POSIX allows neither to hold resources that a cleanup would free.
/// </summary>
internal sealed class ExceptionReach
{
    private static readonly string[] ForcedUnwinding = ["pthread_cancel", "pthread_exit", "thrd_exit"];

    private readonly Dictionary<ModuleImage, string> reached = [];
    private readonly string? everywhere;

    private ExceptionReach(string? everywhere) => this.everywhere = everywhere;

    /// <summary>Why functions of this module are at risk; null when they are not.</summary>
    public string? WhyIn(ModuleImage module) => everywhere ?? reached.GetValueOrDefault(module);

    public static ExceptionReach Of(ImmutableArray<ModuleImage> modules)
    {
        var files = new Dictionary<ModuleImage, ModuleFile>();
        foreach (var module in modules)
        {
            if (module.File.Try(out var file, out _)) files.Add(module, file);
            else if (module.Location.Path.StartsWith('/')) return new ExceptionReach($"the file of {module.Name} cannot be read, so it may handle exceptions");
        }
        if (files.FirstOrDefault(f => f.Key.Location.IsMainProgram && f.Value.Handling == UnwindHandling.Catches).Key is { } main)
        {
            return new ExceptionReach($"the main program {main.Name} catches exceptions");
        }
        var unwinder = files.FirstOrDefault(f => CanForceUnwinding(f.Value)).Key;
        var result = new ExceptionReach(null);
        foreach (var (module, file) in files)
        {
            if (file.Handling == UnwindHandling.Catches) result.Spread(module, files, $"{module.Name} catches exceptions");
            if (file.Handling == UnwindHandling.CleansUp && unwinder is not null)
            {
                result.Spread(module, files, $"{module.Name} cleans up when a thread is cancelled or exits, which {unwinder.Name} asks for");
            }
        }
        return result;
    }

    /// <summary>A static program has no imports; its symbols tell, and where it is stripped it counts as one that does.</summary>
    private static bool CanForceUnwinding(ModuleFile file)
    {
        if (file.Imports.Slots.Values.Any(ForcedUnwinding.Contains)) return true;
        var isStatic = file.Image.Needed.IsEmpty && file.Image.SoName.Length == 0;
        return isStatic && (!file.Names.Any() || ForcedUnwinding.Any(name => !file.AddressesOf(name).IsEmpty));
    }

    private void Spread(ModuleImage from, Dictionary<ModuleImage, ModuleFile> files, string why)
    {
        if (!reached.TryAdd(from, why)) return;
        var queue = new Queue<ModuleImage>([from]);
        while (queue.TryDequeue(out var caller))
        {
            var called = files[caller];
            var referred = called.Imports.Slots.Values.ToHashSet();
            foreach (var (module, file) in files)
            {
                if (reached.ContainsKey(module) || !Needs(called, module, file) && !file.Exports.Overlaps(referred)) continue;
                reached.Add(module, $"{why} and can call into {module.Name}");
                queue.Enqueue(module);
            }
        }
    }

    private static bool Needs(ModuleFile caller, ModuleImage module, ModuleFile file) =>
        caller.Image.Needed.Contains(module.Name) || file.Image.SoName.Length > 0 && caller.Image.Needed.Contains(file.Image.SoName);
}
